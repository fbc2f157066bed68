/*
 * Every allocation of the client's side fails once: the error is NOMEM,
 * nothing that was there has changed, nothing is left allocated.
 */
#include <retrywith/exchange.h>

#include "lib/exchange.h"
#include "tests/unit/tap.h"

#define O "origin http://h\n"

static rwith_dialects *set;

/* --- an exchange ---------------------------------------------------------- */

static const char dialects[] = "dialect crumb\n"
                               "about t\n"
                               "source t\n"
                               "when status 403\n"
                               "when response-header X-Crumb value Required\n"
                               "fetch GET /crumb\n"
                               "set header X-Crumb from response-header "
                               "X-Crumb\n"
                               "repeat any\n"
                               "remember cookie-jar\n"
                               "dialect rolling\nabout t\nsource t\n"
                               "when status 409\n"
                               "when response-header "
                               "X-Transmission-Session-Id\n"
                               "set header X-Transmission-Session-Id from "
                               "response-header X-Transmission-Session-Id\n"
                               "repeat any\nremember origin\n"
                               "learn-from any\n";

static rwith_response answer(unsigned status, const rwith_field *fields,
                             size_t count)
{
    return (rwith_response){ status, { "", 0 }, fields, count };
}

/* A long exchange: recall, all places, an obtain, a lesson.  Returns the
 * first error; *ret_x is what is left of it. */
static int long_exchange(const rwith_alloc *mem, const rwith_supply *supply,
                         rwith_recall *recall, rwith_exchange **ret_x)
{
    static const rwith_field own[] = { { { "Cookie", 6 }, { "a=1", 3 } } };
    static const rwith_field named[] = {
        { { "Ms-Echo-Request", 15 }, { "tok", 3 } },
        { { "Set-Cookie", 10 }, { "b=2", 3 } },
        { { "MS-RetryWith", 12 },
          { "Required-Header: X-A, Required-Query: q, Required-Cookie: c, "
            "Required-Field: /m, Required-Authorization: Basic",
            110 } },
    };
    static const rwith_field wanted[] = { { { "X-Crumb", 7 },
                                            { "Required", 8 } } };
    static const rwith_field crumb[] = { { { "X-Crumb", 7 }, { "c1", 2 } } };
    static const rwith_field session[] = {
        { { "X-Transmission-Session-Id", 25 }, { "s", 1 } }
    };
    rwith_exchange_options options = {
        .mem = mem, .set = set, .supply = supply, .recall = recall
    };
    rwith_request req = {
        .method = { "POST", 4 },
        .origin = { { "http", 4 }, { "h", 1 }, 80 },
        .target = { "/p?x", 4 },
        .fields = own,
        .field_count = 1,
        .has_body = true,
        .is_replayable = true,
        .may_patch_body = true,
        .may_add = true,
    };
    rwith_response resps[] = { answer(449, named, 3), answer(403, wanted, 1),
                               answer(200, crumb, 1), answer(200, session, 1) };
    const rwith_effect *effect;
    int err = rwith_exchange_new(&options, &req, ret_x);

    if (err == RWITH_OK) {
        err = rwith_exchange_start(*ret_x, 0, 1700000000, &effect);
    }
    if (err == RWITH_OK) {
        err = rwith_exchange_response(*ret_x, 1, &resps[0], &effect);
    }
    if (err == RWITH_OK) {
        err = rwith_exchange_response(*ret_x, 2, &resps[1], &effect);
    }
    if (err == RWITH_OK) {
        err = rwith_exchange_obtained(*ret_x, 3, &resps[2], NULL, 0, &effect);
    }
    if (err == RWITH_OK) {
        err = rwith_exchange_response(*ret_x, 4, &resps[3], &effect);
    }
    return err;
}

static void check_exchange(void)
{
    static const uint8_t key[RWITH_RECALL_KEY_LEN] = { 4 };
    rwith_supply *supply = NULL;
    rwith_recall *recall = NULL;
    void *block = malloc(RWITH_RECALL_SIZE_MIN);
    bool done = false;

    if (rwith_supply_new(NULL, &supply) != RWITH_OK ||
        rwith_supply_read(supply,
                          rwith_slice_of(O
                                         "header X-A value a\nquery q value q\n"
                                         "cookie c value c\nbody /m value m\n"
                                         "auth basic value u:p\n"
                                         "header X-All value z send always\n"),
                          NULL, NULL) != RWITH_OK) {
        abort();
    }
    for (size_t k = 0; !done; k++) {
        struct tap_memory memory = { .fail_at = k };
        rwith_alloc mem = tap_alloc(&memory);
        rwith_exchange *x = NULL;

        rwith_recall_init(block, RWITH_RECALL_SIZE_MIN, key, &recall);
        int err = long_exchange(&mem, supply, recall, &x);
        done = memory.calls <= k;
        if (done) {
            is_int(err, RWITH_OK, "the exchange with all its memory");
            is_int(rwith_exchange_settle(x, 5), 7, "learns all");
        } else {
            const rwith_effect *effect = NULL;
            bool is_over = x == NULL || (rwith__exchange_validate(x) &&
                                         (x->state == RWITH__STATE_DELIVERED ||
                                          x->state == RWITH__STATE_FAILED) &&
                                         rwith_exchange_failed(x, 9, &effect) ==
                                             RWITH_ESTATE &&
                                         !rwith_exchange_has_learned(x) &&
                                         rwith_exchange_settle(x, 9) == 0);

            ok(err == RWITH_ENOMEM && is_over &&
                   rwith_recall_count(recall) == 0,
               "the exchange without allocation %zu", k);
        }
        rwith_exchange_free(x);
        ok(memory.live == 0, "nothing is left allocated");
    }
    rwith_supply_free(supply);
    free(block);
}

/* --- a supply ------------------------------------------------------------- */

static int change_supply(rwith_supply *supply, int which)
{
    static const rwith_origin origin = { { "http", 4 }, { "h", 1 }, 80 };
    static char many[4000];

    switch (which) {
    case 0:
        if (many[0] == '\0') {
            size_t len = (size_t)snprintf(many, sizeof(many), O);

            for (int i = 0; i < 100; i++) {
                len += (size_t)snprintf(many + len, sizeof(many) - len,
                                        "query n%d value %d\n", i, i);
            }
        }
        return rwith_supply_read(supply, rwith_slice_of(many), NULL, NULL);
    case 1:
        return rwith_supply_give(supply, &origin, RWITH_IN_COOKIE,
                                 RWITH_LIT("c"), RWITH_LIT("v"));
    case 2:
        return rwith_supply_give_line(supply, &origin,
                                      RWITH_LIT("header X-G=@f"), NULL);
    case 3:
        return rwith_supply_give_line(supply, &origin, RWITH_LIT("query g=v"),
                                      NULL);
    default:
        return rwith_supply_fill(supply, 0, RWITH_LIT("new"));
    }
}

static void check_supply(void)
{
    static const char *const names[] = { "read", "give", "give a file",
                                         "give a value", "fill" };

    for (int which = 0; which < 5; which++) {
        bool done = false;

        for (size_t k = 0; !done; k++) {
            struct tap_memory memory = { .fail_at = SIZE_MAX };
            rwith_alloc mem = tap_alloc(&memory);
            rwith_supply *supply = NULL;
            rwith_slice value = { "", 0 };

            rwith_supply_new(&mem, &supply);
            rwith_supply_read(supply, RWITH_LIT(O "header X-First value old"),
                              NULL, NULL);
            memory.fail_at = memory.calls + k;
            size_t before = memory.calls;
            int err = change_supply(supply, which);

            done = memory.calls - before <= k;
            rwith_supply_value(supply, 0, &value);
            if (done) {
                is_int(err, RWITH_OK, names[which]);
            } else if (err != RWITH_ENOMEM || rwith_supply_count(supply) != 1 ||
                       !rwith_slice_equal(value, RWITH_LIT("old"))) {
                ok(false, "%s without allocation %zu", names[which], k);
            }
            rwith_supply_free(supply);
            ok(memory.live == 0, "%s: nothing is left", names[which]);
        }
    }
    struct tap_memory none = { .fail_at = 0 };
    rwith_alloc mem = tap_alloc(&none);
    rwith_supply *supply = NULL;
    is_int(rwith_supply_new(&mem, &supply), RWITH_ENOMEM, "no supply");
    ok(supply == NULL, "and none was written");
}

int main(int argc, char **argv)
{
    rwith_diagnostic diag;

    tap_start(argc, argv);
    if (rwith_dialects_new(NULL, &set) != RWITH_OK ||
        rwith_dialects_add(set, rwith_slice_of(dialects), &diag) != RWITH_OK) {
        printf("Bail out! no dialects\n");
        return 1;
    }
    check_exchange();
    check_supply();
    rwith_dialects_free(set);
    return tap_done();
}
