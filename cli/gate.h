/*
 * gate.h: what the two files of `retrywith gate` share.
 */
#ifndef RWITH_CLI_GATE_H
#define RWITH_CLI_GATE_H

#include <launch/gate.h>

/* Read what a gate would read and tell what it would need of whom.  returns
 * the exit status. */
int rwith_gate_dry_run(const rwith_gate *gate, bool as_json);

#endif
