/*
 * The reader of dialect files.  Whatever the text: no set changes on an
 * error, an error has a place inside the text, and what was read once reads
 * the same when it is added again.
 */
#include <retrywith/dialect.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <retrywith/trust.h>

#include "lib/dialect.h"

static void require(bool holds)
{
    if (!holds) {
        abort();
    }
}

/* No dialect that was read may set or name what is never set. */
static void check_dialect(const struct rwith__dialect *d)
{
    require(d->about.len > 0 && d->name.len > 0);
    require(d->when_count == 0 || !d->whens[d->when_count - 1].or_next);
    for (size_t i = 0; i < d->set_count; i++) {
        require(d->sets[i].is_named_by_server ||
                d->sets[i].in != RWITH_IN_HEADER ||
                rwith_trust_field_may_be_set(d->sets[i].name.what));
    }
    for (size_t i = 0; i < d->need_count; i++) {
        require(d->needs[i].kind != RWITH__NEED_ONE ||
                d->needs[i].in != RWITH_IN_HEADER ||
                rwith_trust_field_may_be_set(d->needs[i].name));
    }
    for (size_t i = 0; i < d->fetch.field_count; i++) {
        require(rwith_trust_field_may_be_set(d->fetch.fields[i].name));
        require(rwith_trust_value_ok(d->fetch.fields[i].value, SIZE_MAX));
    }
    require(!d->fetch.is_set || d->fetch.target.ptr[0] == '/');
}

/* Equal but for where their bytes lie. */
static bool same(const struct rwith__dialect *a, const struct rwith__dialect *b)
{
    bool is_same = rwith_slice_equal(a->name, b->name) &&
                   rwith_slice_equal(a->about, b->about) &&
                   rwith_slice_equal(a->explain, b->explain) &&
                   memcmp(a->statuses, b->statuses, sizeof(a->statuses)) == 0 &&
                   a->when_count == b->when_count &&
                   a->set_count == b->set_count &&
                   a->need_count == b->need_count && a->repeat == b->repeat &&
                   a->remember == b->remember;

    for (size_t i = 0; is_same && i < a->when_count; i++) {
        is_same = a->whens[i].kind == b->whens[i].kind &&
                  rwith_slice_equal(a->whens[i].name, b->whens[i].name) &&
                  rwith_slice_equal(a->whens[i].value, b->whens[i].value);
    }
    return is_same;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    rwith_slice text = { (const char *)data, size };
    rwith_diagnostic diag = { 0, 0, "untouched" };
    rwith_dialects *set = NULL, *twice = NULL;

    if (rwith_dialects_new(NULL, &set) != RWITH_OK ||
        rwith_dialects_new(NULL, &twice) != RWITH_OK) {
        abort();
    }
    size_t count = rwith_dialects_count(set);
    int err = rwith_dialects_add(set, text, &diag);
    if (err == RWITH_EFILE) {
        require(rwith_dialects_count(set) == count);
        require(diag.line <= size + 1 && diag.column <= size + 1);
        require(memchr(diag.text, '\0', sizeof(diag.text)) != NULL);
        for (const char *p = diag.text; *p != '\0'; p++) {
            require((unsigned char)*p >= 0x20 && *p != 0x7f);
        }
    } else {
        require(err == RWITH_OK || err == RWITH_EFULL);
        require(strcmp(diag.text, "untouched") == 0);
    }
    require(rwith_dialects_add(twice, text, NULL) == err);
    require(rwith_dialects_add(twice, text, NULL) == err);
    require(rwith_dialects_count(twice) == rwith_dialects_count(set));
    for (size_t i = 0; i < rwith_dialects_count(set); i++) {
        check_dialect(rwith__dialect_at(set, i));
        require(same(rwith__dialect_at(set, i), rwith__dialect_at(twice, i)));
    }
    rwith_dialects_free(set);
    rwith_dialects_free(twice);
    return 0;
}
