/*
 * What is kept of a read-only link for people (store_link.about): {"label","by","at"}, in JSON, each of which may be
 * missing.
 */
#ifndef SERVER_LINK_ABOUT_H
#define SERVER_LINK_ABOUT_H

#include "base/buf.h"

struct link_about {
    struct buf label, by; /* empty: not known */
    uint64_t at_ms;       /* when it was made; 0: not known */
};

/* Fills *out, for the caller to release. What makes no sense is not known. */
void link_about_read(struct link_about *out, const void *json, size_t len);
/* Replaces `out`. NULL or "": not known. */
void link_about_write(struct buf *out, const char *label, const char *by, uint64_t at_ms);
void link_about_release(struct link_about *a);

#endif
