/*
 * Passwords' hashes at the least cost, in the place of libsodium's functions:
 * for tests that make hundreds and do not ask what one costs, which
 * test_credentials.c does.
 */
#ifndef TEST_UNIT_AUTH_CHEAP_H
#define TEST_UNIT_AUTH_CHEAP_H

#include <stdbool.h>

void cheap_hashes(bool on);
/* While it is held, no password is compared: so that what is to wait for a turn
 * has come before the first is over. */
void cheap_hold(bool on);

#endif
