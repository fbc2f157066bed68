/*
 * sandbox.h: the sandbox as a server of its own.
 */
#ifndef RWITH_LAUNCH_SANDBOX_H
#define RWITH_LAUNCH_SANDBOX_H

#include <launch/front.h>

/* Run it until it is told to end.  returns the exit status. */
int rwith_sandbox_run(rwith_front *front);

#endif
