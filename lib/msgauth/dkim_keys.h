/*
 * RSA keys that have been read lately, by the text that was published: reading
 * one takes longer than the check of a signature, and most mail is signed with
 * few.  They are only remembered, never trusted: whether a record is there and
 * what else it says is looked up each time.
 *
 * For many threads at a time; at most DKIM_KEYS_MAX keys, some 10 KB each.
 */
#ifndef MSGAUTH_DKIM_KEYS_H
#define MSGAUTH_DKIM_KEYS_H

#include <openssl/evp.h>

#include "base/sv.h"

#define DKIM_KEYS_MAX  64
#define DKIM_KEYS_TEXT 1024 /* bytes; a longer one is not remembered */

struct dkim_keys;

struct dkim_keys *dkim_keys_new(void);
void dkim_keys_free(struct dkim_keys **k);

/* k may be NULL: nothing is remembered.  text: p=, as it was published.  The
 * caller frees what it gets, or NULL. */
EVP_PKEY *dkim_keys_get(struct dkim_keys *k, struct sv text);
void dkim_keys_put(struct dkim_keys *k, struct sv text, EVP_PKEY *key);

/* What has checked a signature by that key is as good for the next one: it is
 * the caller's alone, to be given back or freed; NULL: there is none.  What is
 * given back was made for the key of that text. */
EVP_PKEY_CTX *dkim_keys_take_check(struct dkim_keys *k, struct sv text);
void dkim_keys_give_check(
    struct dkim_keys *k, struct sv text, EVP_PKEY_CTX *check);

#endif
