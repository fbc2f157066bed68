/*
 * Any bytes as a supply file, and as a line of --give.  What is read holds
 * only names that may be sent, each once; what is refused says where, and
 * leaves the supply as it was.
 */
#include <retrywith/supply.h>
#include <retrywith/trust.h>

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition) {
        abort();
    }
}

static void check_entries(const rwith_supply *supply)
{
    for (size_t id = 0; id < rwith_supply_count(supply); id++) {
        const rwith_supply_entry *e = rwith_supply_at(supply, id);
        rwith_slice value;
        size_t found = SIZE_MAX;

        require(rwith_requirement_name_ok(e->in, e->name));
        require(e->in != RWITH_IN_HEADER ||
                rwith_trust_field_may_be_set(e->name));
        require((e->in == RWITH_IN_AUTHORIZATION) ==
                (e->auth != RWITH_AUTH_NONE));
        require(rwith_supply_find(supply, &e->origin, e->in, e->name, &found) &&
                found == id);
        require((e->kind == RWITH_SUPPLY_LITERAL) ==
                rwith_supply_value(supply, id, &value));
        require((e->kind == RWITH_SUPPLY_ENV || e->kind == RWITH_SUPPLY_FILE ||
                 e->kind == RWITH_SUPPLY_COMMAND) == (e->source_count > 0));
        require(e->in != RWITH_IN_HEADER || e->kind != RWITH_SUPPLY_LITERAL ||
                rwith_trust_value_ok(value, RWITH_SUPPLY_VALUE_MAX));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const rwith_origin origin = { { "https", 5 }, { "h", 1 }, 443 };
    rwith_slice in = { (const char *)data, size };
    rwith_supply *supply = NULL;
    rwith_diagnostic diag = { .line = SIZE_MAX };
    int err;

    require(rwith_supply_new(NULL, &supply) == RWITH_OK);
    err = rwith_supply_read(supply, in, NULL, &diag);
    if (err == RWITH_OK) {
        check_entries(supply);
    } else {
        require(err == RWITH_EFILE && diag.line <= size + 1);
        require(rwith_supply_count(supply) == 0);
    }
    size_t before = rwith_supply_count(supply);
    err = rwith_supply_give_line(supply, &origin, in, &diag);
    require(err == RWITH_OK || err == RWITH_EFILE);
    require(rwith_supply_count(supply) == before + (err == RWITH_OK));
    check_entries(supply);
    rwith_supply_free(supply);
    return 0;
}
