/*
 * Links by which a phone takes its profile: the pure rule, in memory only.
 *
 *   made      with the device's password; a token of 192 random bits
 *   looked at by GET or HEAD: says whose it is and changes nothing, since
 *             previews, scanners and cameras do that by themselves
 *   pressed   by a press of a button, once: gives a ticket
 *   taken     the profile, with the ticket, as often as the phone wants
 *
 * Each ends 15 minutes after it was made, when its device is revoked, and with
 * the process.  Tokens and tickets are kept as hashes; the password is wiped.
 */
#ifndef AUTH_LINKS_H
#define AUTH_LINKS_H

#include <stdint.h>

#include "base/buf.h"

#define LINK_LIFE_MS   (15 * 60 * 1000)
#define LINK_TOKEN_LEN 32 /* letters, digits, '-' and '_' */
/* At a time; the oldest gives way: of the account's own, where these are too
 * many. */
#define LINKS_MAX	 64
#define LINKS_OF_ACCOUNT 8

struct auth_links;

struct auth_link {
	struct sv account, device, address, password;
	int64_t left_ms;
};

/* now: milliseconds that only go forward. */
struct auth_links *auth_links_new(int64_t (*now)(void));
void auth_links_free(struct auth_links **l);

/* Copies the texts. */
void auth_links_add(
    struct auth_links *l, const struct auth_link *what, struct buf *token_out);
/* RC_OK; RC_EXISTS: it has been pressed; RC_NOTFOUND: unknown or over.  The
 * texts of *out live until the next call; there is no password. */
int auth_links_look(
    struct auth_links *l, struct sv token, struct auth_link *out) RC_USE_RESULT;
int auth_links_press(struct auth_links *l, struct sv token,
    struct auth_link *out, struct buf *ticket_out) RC_USE_RESULT;
/* RC_OK or RC_NOTFOUND. */
int auth_links_take(struct auth_links *l, struct sv ticket,
    struct auth_link *out) RC_USE_RESULT;
/* The device is revoked. */
void auth_links_forget(
    struct auth_links *l, struct sv account, struct sv device);
/* Wipes what is over; returns how many are left. */
unsigned auth_links_sweep(struct auth_links *l);

#endif
