# Bytecrowds. One non-recursive makefile; `make help` lists the targets.
#
# Each mode has a build tree of its own (build/<mode>/), so switching between them rebuilds nothing:
#   release   what people run
#   asan      gcc, ASan + UBSan, warnings are errors; every C test runs in it
#   fuzz      clang, libFuzzer + ASan + UBSan
#   tsan      gcc, ThreadSanitizer
#   lib       libyata alone, for other programs: position independent, no bytecode of one compiler

MODE ?= release
B := build/$(MODE)

VERSION := $(shell cat VERSION)
FOLDERS := base y proto net redis store auth server
PKGS := libuv sqlite3 hiredis openssl jansson

CC_release := gcc
CC_asan := gcc
CC_tsan := gcc
CC_fuzz := clang
CC_lib := gcc
CC := $(CC_$(MODE))
AR := $(if $(filter lib,$(MODE)),ar,gcc-ar)
OBJCOPY ?= objcopy
INSTALL ?= install

PREFIX ?= /usr/local
BINDIR ?= $(PREFIX)/bin
LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
MANDIR ?= $(PREFIX)/share/man

WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith \
        -Wwrite-strings -Wvla -Wundef -Wformat=2 -Wno-unused-parameter
# Link-time optimisation inlines across the small files of src/y: a keystroke costs a sixth less.
CFLAGS_release := -O2 -g -flto=auto -ffat-lto-objects -fno-plt -fstack-protector-strong -D_FORTIFY_SOURCE=2 -fPIE
CFLAGS_asan := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all -Werror
CFLAGS_tsan := -O1 -g -fsanitize=thread -Werror
CFLAGS_fuzz := -O1 -g -fno-omit-frame-pointer -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
CFLAGS_lib := -O2 -g -fno-plt -fstack-protector-strong -D_FORTIFY_SOURCE=2 -fPIC -fvisibility=hidden \
              -fno-semantic-interposition -ffunction-sections -fdata-sections
LDFLAGS_release := -O2 -flto=auto -pie -Wl,-z,relro,-z,now -Wl,--as-needed
LDFLAGS_asan := -fsanitize=address,undefined
LDFLAGS_tsan := -fsanitize=thread
LDFLAGS_fuzz := -fsanitize=fuzzer,address,undefined
LDFLAGS_lib := -Wl,-z,relro,-z,now,-z,defs -Wl,--as-needed -Wl,--gc-sections

# libcurl is opened when it is needed (src/base/curl.h).
PKG_CFLAGS := $(shell pkg-config --cflags $(PKGS) libcurl 2>/dev/null)
PKG_LIBS := $(shell pkg-config --libs $(PKGS) 2>/dev/null) -ldl

# What the command line gives comes before these, not instead of them.
override CPPFLAGS += -Isrc -I. -D_GNU_SOURCE -DBYTECROWDS_VERSION='"$(VERSION)"' -MMD -MP $(PKG_CFLAGS)
override CFLAGS += -std=c11 $(WARN) $(CFLAGS_$(MODE))
override LDFLAGS += $(LDFLAGS_$(MODE))

.PHONY: all release asan help test test-c test-web test-e2e lint format clean web FORCE
.SECONDARY:
.DEFAULT_GOAL := help

# --- libraries, one for each folder of src/ ------------------------------------------------------

define folder
OBJ_$(1) := $$(patsubst %.c,$$(B)/%.o,$$(sort $$(wildcard src/$(1)/*.c)))
$$(B)/lib$(1).a: $$(OBJ_$(1))
	@rm -f $$@
	@$(AR) rcs $$@ $$^
endef
$(foreach f,$(FOLDERS),$(eval $(call folder,$(f))))

# Link order: what includes stands before what it includes (conventions: app -> server -> proto -> y,
# server -> net -> base, server -> store -> redis -> base).
LIBS_base := $(B)/libbase.a
LIBS_y := $(B)/liby.a
LIBS_proto := $(B)/libproto.a $(LIBS_y) $(LIBS_base)
LIBS_net := $(B)/libnet.a $(LIBS_base)
LIBS_redis := $(B)/libredis.a $(LIBS_base)
LIBS_store := $(B)/libstore.a $(LIBS_redis)
LIBS_auth := $(B)/libauth.a $(B)/libnet.a $(LIBS_store)
LIBS_server := $(B)/libserver.a $(B)/libproto.a $(B)/liby.a $(LIBS_auth)

$(B)/%.o: %.c
	@mkdir -p $(@D)
	@echo "  cc    $(MODE) $<"
	@$(CC) $(CPPFLAGS) $(CFLAGS) -c $< -o $@

# --- the program ---------------------------------------------------------------------------------

OBJ_app := $(patsubst %.c,$(B)/%.o,$(sort $(wildcard src/app/*.c)))
WEB_OUT := build/web/assets.S
WEB_SRC := $(shell find web -path web/node_modules -prune -o -type f -print 2>/dev/null)

$(WEB_OUT): $(WEB_SRC)
	@echo "  web   bundle, compress, embed"
	@cd web && { [ -d node_modules ] && [ node_modules -nt package-lock.json ] || { npm ci --silent --no-audit --no-fund && touch node_modules; }; }
	@node web/build.mjs build/web

$(B)/assets.o: $(WEB_OUT)
	@mkdir -p $(@D)
	@$(CC) -c $< -o $@

$(B)/bytecrowds: $(OBJ_app) $(B)/assets.o $(LIBS_server)
	@echo "  link  $@"
	@$(CC) $(LDFLAGS) $^ $(PKG_LIBS) -lpthread -lm -o $@

# Tools over src/y alone.
$(B)/ydoc $(B)/ybench: $(B)/%: $(B)/src/tools/%.o $(LIBS_y)
	@echo "  link  $@"
	@$(CC) $(LDFLAGS) $^ -o $@

release: ## build/release/bytecrowds, the program with the web page in it; ydoc and ybench
	@$(MAKE) --no-print-directory MODE=release build/release/bytecrowds build/release/ydoc build/release/ybench

.PHONY: bench
bench: ## src/y against npm's yjs and ywasm in one run (bench/README.md); ONLY=word, BENCH_DATA=folder
	@$(MAKE) --no-print-directory MODE=release build/release/ybench
	@cd bench && { [ -d node_modules ] && [ node_modules -nt package-lock.json ] || { npm ci --silent --no-audit --no-fund && touch node_modules; }; }
	@node bench/run.mjs

asan: ## the same in build/asan, with ASan and UBSan
	@$(MAKE) --no-print-directory MODE=asan build/asan/bytecrowds build/asan/ydoc build/asan/ybench

# --- libyata: src/y for other programs (docs/yata.md) ----------------------------------------------

YATA_SO := libyata.so.$(VERSION)
YATA_SONAME := libyata.so.$(firstword $(subst ., ,$(VERSION)))

# One object whose symbols are those of y.h: the static library must not take the names that the
# files of src/y have among themselves from the programs that it is linked into.
$(B)/libyata.o: $(OBJ_y)
	@$(CC) -r -nostdlib $^ -o $@
	@$(OBJCOPY) --localize-hidden $@

$(B)/libyata.a: $(B)/libyata.o
	@rm -f $@
	@$(AR) rcs $@ $^

$(B)/$(YATA_SO): $(OBJ_y)
	@echo "  link  $@"
	@$(CC) -shared -Wl,-soname,$(YATA_SONAME) $(LDFLAGS) $^ -o $@

.PHONY: lib install install-lib uninstall
lib: ## libyata.a and libyata.so in build/lib; needs only a C compiler and binutils
	@$(MAKE) --no-print-directory MODE=lib build/lib/libyata.a build/lib/$(YATA_SO)

TO := $(DESTDIR)
install-lib: lib ## install libyata alone: PREFIX=/usr/local LIBDIR=PREFIX/lib DESTDIR=
	@$(INSTALL) -d "$(TO)$(LIBDIR)/pkgconfig" "$(TO)$(INCLUDEDIR)/yata"
	@$(INSTALL) -m 644 src/y/y.h "$(TO)$(INCLUDEDIR)/yata/y.h"
	@$(INSTALL) -m 644 build/lib/libyata.a "$(TO)$(LIBDIR)/libyata.a"
	@$(INSTALL) -m 755 build/lib/$(YATA_SO) "$(TO)$(LIBDIR)/$(YATA_SO)"
	@ln -sf $(YATA_SO) "$(TO)$(LIBDIR)/$(YATA_SONAME)"
	@ln -sf $(YATA_SONAME) "$(TO)$(LIBDIR)/libyata.so"
	@sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@VERSION@|$(VERSION)|' \
	    -e 's|@LIBDIR@|$(patsubst $(PREFIX)/%,$${prefix}/%,$(LIBDIR))|' \
	    -e 's|@INCLUDEDIR@|$(patsubst $(PREFIX)/%,$${prefix}/%,$(INCLUDEDIR))|' \
	    contrib/yata.pc.in >"$(TO)$(LIBDIR)/pkgconfig/yata.pc"
	@chmod 644 "$(TO)$(LIBDIR)/pkgconfig/yata.pc"
	@[ -n "$(TO)" ] || ldconfig 2>/dev/null || true

MAN := bytecrowds.1 bytecrowds-export.1 bytecrowds-import.1 bytecrowds-authorize.1 ydoc.1
install: release install-lib ## install bytecrowds, ydoc, their manual pages and libyata: PREFIX= DESTDIR=
	@$(INSTALL) -d "$(TO)$(BINDIR)" "$(TO)$(MANDIR)/man1"
	@$(INSTALL) -m 755 build/release/bytecrowds build/release/ydoc "$(TO)$(BINDIR)"
	@build/release/bytecrowds --help | contrib/man bytecrowds $(VERSION) 'realtime code sharing' >build/bytecrowds.1
	@build/release/ydoc --help | contrib/man ydoc $(VERSION) 'updates of Yjs documents' >build/ydoc.1
	@for c in export import; do build/release/bytecrowds $$c --help | \
	    contrib/man bytecrowds-$$c $(VERSION) 'everything between stores by way of a file' >build/bytecrowds-$$c.1; done
	@build/release/bytecrowds authorize --help | contrib/man bytecrowds-authorize $(VERSION) 'who may enter a bytecrowd' >build/bytecrowds-authorize.1
	@$(INSTALL) -m 644 $(MAN:%=build/%) "$(TO)$(MANDIR)/man1"

uninstall: ## take away what install put there, with the same PREFIX, LIBDIR, DESTDIR
	@rm -f $(addprefix "$(TO)$(BINDIR)"/,bytecrowds ydoc) $(addprefix "$(TO)$(MANDIR)"/man1/,$(MAN)) \
	    $(addprefix "$(TO)$(LIBDIR)"/,libyata.a libyata.so $(YATA_SONAME) $(YATA_SO) pkgconfig/yata.pc) \
	    "$(TO)$(INCLUDEDIR)/yata/y.h"
	@rmdir "$(TO)$(INCLUDEDIR)/yata" 2>/dev/null || true

web: $(WEB_OUT) ## bundle the web page only

# --- C tests: one program for each folder, tests/<folder>/*.c, plus replayed fuzz corpora ----------

TEST_FOLDERS := $(foreach f,$(FOLDERS),$(if $(wildcard tests/$(f)/*.c),$(f)))
define test_folder
OBJ_test_$(1) := $$(patsubst %.c,$$(B)/%.o,$$(sort $$(wildcard tests/$(1)/*.c)))
$$(B)/test-$(1): $$(OBJ_test_$(1)) $$(B)/tests/test.o $$(LIBS_$(1))
	@echo "  link  $$@"
	@$$(CC) $$(LDFLAGS) $$^ $$(if $$(filter-out y,$(1)),$$(PKG_LIBS)) -lpthread -lm -o $$@
endef
$(foreach f,$(TEST_FOLDERS),$(eval $(call test_folder,$(f))))
# Servers for both.
$(B)/test-store: $(addprefix $(B)/tests/redis/,server.o link_fixture.o rest_fixture.o cluster_fixture.o)

# A fuzz target tests/fuzz/<folder>_<what>.c defines LLVMFuzzerTestOneInput. In mode fuzz it links with
# libFuzzer; in every other mode with tests/fuzz/replay.c, which runs the saved corpus.
FUZZ := $(patsubst tests/fuzz/%.c,%,$(filter-out %/replay.c,$(sort $(wildcard tests/fuzz/*.c))))
$(B)/fuzz-%: $(B)/tests/fuzz/%.o $(if $(filter fuzz,$(MODE)),,$(B)/tests/fuzz/replay.o) $(LIBS_server)
	@echo "  link  $@"
	@$(CC) $(LDFLAGS) $^ $(PKG_LIBS) -lpthread -lm -o $@

# The drivers of the scripts in tests/<folder>/oracle/, and of tests/e2e/authjs.test.mjs.
$(B)/y-oracle $(B)/net-oracle $(B)/proto-oracle: $(B)/%-oracle: $(B)/tests/%/oracle/driver.o
$(B)/y-updates-oracle: $(B)/tests/y/oracle/updates_driver.o
$(B)/y-undo-oracle: $(B)/tests/y/oracle/undo_driver.o
$(B)/y-format-oracle: $(B)/tests/y/oracle/format_driver.o
$(B)/y-types-oracle: $(B)/tests/y/oracle/types_driver.o
$(B)/y-oracle $(B)/y-updates-oracle $(B)/y-format-oracle $(B)/y-types-oracle $(B)/y-undo-oracle: $(LIBS_y)
$(B)/net-oracle: $(LIBS_net)
$(B)/proto-oracle: $(LIBS_proto)
$(B)/authjs-oracle: $(B)/tests/store/oracle/authjs_driver.o $(LIBS_store)
$(B)/y-oracle $(B)/y-updates-oracle $(B)/y-format-oracle $(B)/y-types-oracle $(B)/y-undo-oracle $(B)/net-oracle $(B)/proto-oracle $(B)/authjs-oracle:
	@echo "  link  $@"
	@$(CC) $(LDFLAGS) $^ $(if $(filter %/net-oracle %/authjs-oracle,$@),$(PKG_LIBS) -lpthread) -o $@

.PHONY: test-c-run
test-c-run: $(foreach f,$(TEST_FOLDERS),$(B)/test-$(f)) $(foreach f,$(FUZZ),$(B)/fuzz-$(f))
	@tests/run-c $(B)

test-c: ## every C test and the saved fuzz corpora, under ASan and UBSan
	@$(MAKE) --no-print-directory MODE=asan test-c-run

test-%: ## C tests of one folder, e.g. make test-y
	@$(MAKE) --no-print-directory MODE=asan build/asan/test-$*
	@build/asan/test-$*

FUZZ_RUNS := $(addprefix fuzz-,$(FUZZ))
.PHONY: $(FUZZ_RUNS)
$(FUZZ_RUNS): fuzz-%: ## fuzz one target for FUZZ_SECONDS (default 60), e.g. make fuzz-y_apply
	@$(MAKE) --no-print-directory MODE=fuzz build/fuzz/fuzz-$*
	@mkdir -p build/corpus/$* tests/fuzz/corpus/$*
	@build/fuzz/fuzz-$* -max_total_time=$(or $(FUZZ_SECONDS),60) -timeout=10 build/corpus/$* tests/fuzz/corpus/$*

test: ## every test: C, web, end to end
	@tests/run-all

# --- keeping the house ---------------------------------------------------------------------------

lint: ## layers, formatting, static analysis
	@tests/lint

format: ## rewrite C sources with clang-format
	@clang-format -i $$(git ls-files 'src/*.c' 'src/*.h' 'tests/*.c' 'tests/*.h')

clean: ## remove build/
	@rm -rf build

help: ## this list
	@echo "bytecrowds $(VERSION): ./dev run and ./dev test install what is missing; then:"
	@sed -En 's/^([$$][^:]*: )?([a-z%-]+):[^#]*## (.*)/  make \2\t\3/p' $(MAKEFILE_LIST) | expand -t 24

-include $(shell find $(B) -name '*.d' 2>/dev/null)
