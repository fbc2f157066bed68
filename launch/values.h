/*
 * values.h: supply and dialect files from disk, and the values that a supply
 * names: from the environment, files and commands (rule of trust 7).
 *
 * A command runs in the calling thread and may take its ten seconds: never in
 * an event loop.
 */
#ifndef RWITH_LAUNCH_VALUES_H
#define RWITH_LAUNCH_VALUES_H

#include <launch/file.h>
#include <retrywith/dialect.h>
#include <retrywith/supply.h>

#define RWITH_COMMAND_MS         10000 /**< a command may run */
#define RWITH_COMMAND_OUTPUT_MAX (64 * 1024)
#define RWITH_COMMAND_EVERY_MS   60000 /**< and not again before */

/** When which value was fetched.  Zero-initialise. */
typedef struct rwith_values {
    rwith_supply *supply;
    struct rwith_values_entry *entries;
    size_t count;
} rwith_values;

/**
 * Read a supply file into a supply: ownership and permissions are checked,
 * commands must be absolute or on PATH.
 * @return #RWITH_OK, #RWITH_EFILE, #RWITH_ENOMEM
 */
int rwith_values_read_supply(rwith_supply *supply, const char *path,
                             rwith_problem *reterr);

/** Read a dialect file into a set. */
int rwith_values_read_dialect(rwith_dialects *set, const char *path,
                              rwith_problem *reterr);

/** Check what came by rwith_supply_give_line(), from entry @a first on. */
int rwith_values_check(const rwith_supply *supply, size_t first,
                       const char *where, rwith_problem *reterr);

/** Start with a supply, which is borrowed; its commands are looked for now.
 * @return #RWITH_OK, #RWITH_ENOMEM */
int rwith_values_init(rwith_values *values, rwith_supply *supply);
void rwith_values_free(rwith_values *values);

/**
 * Bring one entry's value into the supply.  One that is there stays; a
 * command's is fetched again when asked after a minute.  ASK and NONE have
 * nothing to bring.
 *
 * @param now_ms  a clock that never runs backwards, from 1 on
 * @param where   the file that the entry stands in, for the problem; NULL: it
 *                is not known
 * @return #RWITH_OK, #RWITH_EFILE (with a problem that holds no secret),
 *         #RWITH_ENOMEM
 */
int rwith_values_fill(rwith_values *values, size_t id, uint64_t now_ms,
                      const char *where, rwith_problem *reterr);

/** Say of an entry what is wrong with its value: "FILE:LINE: header X-Key:
 * text". */
void rwith_values_problem(const rwith_supply_entry *entry, const char *where,
                          const char *text, rwith_problem *ret);

#endif
