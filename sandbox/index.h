/*
 * index.h: the list of paths at "/", for people and for programs.
 */
#ifndef RWITH_SANDBOX_INDEX_H
#define RWITH_SANDBOX_INDEX_H

#include <sandbox/text.h>

struct answer;

/* One path of the sandbox: how it is listed and who judges it. */
struct rwith__sandbox_entry {
    const char *path; /* a final star stands for anything or nothing */
    const char *wants;
    const char *options; /* of "retrywith fetch", with a space behind each */
    const char *example; /* path and query of a request to try */

    /* true lets the request through; false: a refusal was written */
    bool (*judge)(struct answer *answer);
};

/* More than either form takes, lines of a base of 300 bytes included. */
#define RWITH__SANDBOX_INDEX_MAX (32 * 1024)

void rwith__sandbox_index_html(struct rwith__text *text, rwith_slice base,
                               const struct rwith__sandbox_entry *entries,
                               size_t count);
void rwith__sandbox_index_json(struct rwith__text *text, rwith_slice base,
                               const struct rwith__sandbox_entry *entries,
                               size_t count);

#endif
