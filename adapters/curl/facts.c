/*
 * facts.c: what the body of a response holds at the places that an effect
 * wants to know.  What the facts mean is the core's.
 */
#include <adapters/curl/driver.h>

#include <body/facts.h>

#define FACT_BYTES (64 * 1024)

void rwith__curl_facts_find(rwith_curl_facts *facts, const rwith_alloc *mem,
                            const rwith_effect *effect,
                            const rwith_field *fields, size_t field_count,
                            rwith_slice body)
{
    const rwith_field *type =
        rwith_fields_find(fields, field_count, RWITH_LIT("Content-Type"));

    *facts = (rwith_curl_facts){ .items = NULL };
    if (effect->want_count == 0) {
        return;
    }
    facts->items =
        rwith__curl_alloc(mem, RWITH_FACT_COUNT_MAX * sizeof(*facts->items));
    facts->bytes = rwith__curl_alloc(mem, FACT_BYTES);
    if (body.len > effect->body_limit) {
        body.len = effect->body_limit;
    }
    if (facts->items != NULL && facts->bytes != NULL) {
        facts->count = rwith_body_facts_in(
            mem, type != NULL ? type->value : (rwith_slice){ NULL, 0 }, body,
            effect->wants, effect->want_count, facts->items,
            RWITH_FACT_COUNT_MAX, facts->bytes, FACT_BYTES);
    }
}

void rwith__curl_facts_free(rwith_curl_facts *facts, const rwith_alloc *mem)
{
    rwith__curl_release(mem, facts->items);
    rwith__curl_release(mem, facts->bytes);
}
