/*
 * err.c: names, texts and blame of the errors, all made from the one list in
 * err.h.
 */
#include <retrywith/err.h>

struct err_row {
    int number;
    rwith_blame blame;
    const char *name;
    const char *text;
};

static const struct err_row rows[] = {
    { RWITH_OK, RWITH_BLAME_NONE, "OK", "success" },
#define ERR_ROW(name, number, blame, text)                                     \
    { (number), RWITH_BLAME_##blame, #name, text },
    RWITH_ERRORS(ERR_ROW)
#undef ERR_ROW
};

static const struct err_row unknown = { 0, RWITH_BLAME_CALLER, "UNKNOWN",
                                        "not an error of this library" };

static const struct err_row *err_find(int err)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (rows[i].number == err) {
            return &rows[i];
        }
    }
    return &unknown;
}

const char *rwith_err_name(int err)
{
    return err_find(err)->name;
}

const char *rwith_err_text(int err)
{
    return err_find(err)->text;
}

rwith_blame rwith_err_blame(int err)
{
    return err_find(err)->blame;
}
