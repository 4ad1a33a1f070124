/* Inside lib/sieve only: addresses of fields and envelopes, and their parts
 * [RFC 5228 2.7.4, 5233]. */
#ifndef SIEVE_ADDRESS_H
#define SIEVE_ADDRESS_H

#include "sieve/match.h"

struct sieve_address {
	struct sv local; /* without quotes */
	struct sv domain;
	bool broken;
};

/* Each address of a field, groups looked into; until fn says something else
 * than FLOW_ON. */
enum sieve_flow sieve_addresses_each(struct sv value,
    enum sieve_flow (*fn)(void *arg, const struct sieve_address *a), void *arg);
/* "local@domain" as an envelope has it; text has the unquoted local part. */
void sieve_address_split(
    struct sv text, struct buf *unquoted, struct sieve_address *out);
/* Appends local@domain, the local part quoted if it must be. */
void sieve_address_put(const struct sieve_address *a, struct buf *out);
/* Matches the part of it that the test asks for, if it has that part. */
enum sieve_flow sieve_address_match(
    struct sieve_matcher *m, const struct sieve_address *a);

/*
 * sieve-address [RFC 5228 2.4.2.3]: local@domain into out, without a name.
 * False if it is not one.
 */
bool sieve_address_read(struct sv s, struct buf *out);
/* mailbox-list [RFC 5322 3.4]: addresses, with names or without. */
bool sieve_is_mailbox_list(struct sv s);

#endif
