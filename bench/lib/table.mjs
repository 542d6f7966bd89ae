// The tables on the terminal.

const group = n => Math.round(n).toString().replace(/\B(?=(\d{3})+$)/g, ' ')
const value = r => r.bytes !== undefined && r.median === undefined ? r.bytes : r.median

/** How many times ours the peer takes; null if one of them has no right result. */
export function ratio (result, name) {
  if (result.ours.problem || result[name].problem) return null
  return value(result[name]) / value(result.ours)
}

const titles = {
  apply: ['apply, one update per edit', 'ns an update'],
  'load v1': ['load a whole state (v1) and read its text', 'µs'],
  'load v2': ['load a whole state (v2) and read its text', 'µs'],
  'encode v1': ['encode the whole state, v1', 'µs'],
  'encode v2': ['encode the whole state, v2', 'µs'],
  'diff from the half': ['encode what came after the half', 'µs'],
  'state vector': ['encode the state vector', 'µs'],
  'merge 10 000': ['merge the first 10 000 updates', 'ns an update'],
  'merge all': ['merge all updates', 'ns an update'],
  local: ['local edits, a transaction each', 'ns an edit'],
  memory: ['memory of a loaded document', 'KiB'],
  'size v1': ['encoded size, v1', 'bytes'],
  'size v2': ['encoded size, v2', 'bytes']
}

function number (r, c, unit) {
  if (r.problem === 'slow') return `over ${r.over / 1000} s`
  if (r.problem === 'wrong') return 'WRONG'
  if (r.problem === 'failed' && r.why.includes('panicked')) return 'CRASH'
  if (r.problem) return 'none'
  const n = unit === 'KiB' ? value(r) / 1024 : unit === 'bytes' ? value(r) : unit === 'µs' ? value(r) / 1000 : value(r) / c.count
  const shown = n >= 100 || unit === 'bytes' ? group(n) : n.toFixed(n >= 10 ? 1 : 2)
  return r.median ? `${shown} ±${Math.round(100 * r.spread)}%` : shown
}

/** A ratio that is known, or what it is at least. */
function shownRatio (r, name) {
  if (r[name].problem !== 'slow' || r.ours.problem) return times(r[`${name}/ours`])
  return `>${times(r[name].over * 1e6 / r.ours.median)}`
}

const times = x => x === null ? '' : x >= 100 ? `${group(x)}x` : `${x.toFixed(x >= 10 ? 1 : 2)}x`

function geometric (list) {
  const some = list.filter(x => x !== null && x > 0)
  return some.length ? { mean: Math.exp(some.reduce((sum, x) => sum + Math.log(x), 0) / some.length), of: some.length } : null
}

function print (rows) {
  const widths = rows[0].map((_, i) => Math.max(...rows.map(r => [...r[i]].length)))
  for (const r of rows) console.log('  ' + r.map((cell, i) => i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i])).join('  ').trimEnd())
}

export function printTables (results) {
  const works = [...new Set(results.map(r => r.work))]
  for (const work of works) {
    const [title, unit] = titles[work], list = results.filter(r => r.work === work)
    console.log(`\n${title} (${unit})`)
    const rows = [['', unit.includes(' an ') ? 'count' : '', 'ours', 'yjs', 'ywasm', 'yjs/ours', 'ywasm/ours', 'runs']]
    for (const r of list) {
      const runs = ['ours', 'yjs', 'ywasm'].map(p => r[p].runs ?? '-').join('/')
      rows.push([r.input, unit.includes(' an ') ? group(r.count) : '', ...['ours', 'yjs', 'ywasm'].map(p => number(r[p], r, unit)),
        shownRatio(r, 'yjs'), shownRatio(r, 'ywasm'), r.ours.runs || r.yjs.runs ? runs : ''])
    }
    const means = ['yjs/ours', 'ywasm/ours'].map(k => geometric(list.map(r => r[k])))
    rows.push(['geometric mean', '', '', '', '', ...means.map(m => m ? times(m.mean) : ''), ''])
    print(rows)
    const notes = new Set(list.flatMap(r => ['ours', 'yjs', 'ywasm'].filter(p => r[p].problem === 'failed').map(p => `${p}: ${r[p].why}`)))
    if (work.startsWith('merge')) notes.add('ywasm exports no merging: one transaction of a document, then encoded')
    for (const note of notes) console.log(`  ${note}`)
  }
}

export function printMachine (m) {
  console.log(`${m.cpu}, ${m.cores} cores, ${m.core === null ? 'not pinned' : `all on core ${m.core}`}, load ${m.load.toFixed(2)} at the start; ` +
    `node ${m.node}, yjs ${m.yjs}, ywasm ${m.ywasm}; ours ${m.commit}; took ${m.seconds} s`)
  console.log('x/ours: how many times ours it takes. ±: half of the distance between the quartiles of the runs. WRONG: not what Yjs has, so no time.')
}
