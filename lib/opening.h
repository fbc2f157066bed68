/*
 * opening.h: what an exchange, begun after the request was sent, is told of
 * the opening that it was sent with.
 */
#ifndef RWITH_LIB_OPENING_H
#define RWITH_LIB_OPENING_H

#include <retrywith/opening.h>

/* The supply's entry that a line is of. */
const rwith_supply_entry *rwith__opening_entry(const rwith_opening *opening,
                                               size_t line);

#endif
