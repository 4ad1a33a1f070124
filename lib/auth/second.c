#include "auth/second.h"

#include <sodium.h>

#include "auth/totp.h"
#include "base/clk.h"

_Static_assert(CREDENTIALS_SECRET == TOTP_SECRET, "auth/totp.h");

bool
auth_second_is_on(struct auth_server *s, struct sv account)
{
	struct credentials_totp t;
	bool on = credentials_totp(auth_server_credentials(s), account, &t);

	sodium_memzero(&t, sizeof t);
	return on;
}

unsigned
auth_second_recovery_left(struct auth_server *s, struct sv account)
{
	struct credentials_codes codes;

	credentials_recovery(auth_server_credentials(s), account, &codes);
	return codes.n;
}

static int
too_many(struct err *err)
{
	return err_set(err, RC_TEMP,
	    "too many wrong codes; wait ten minutes, or sign in where you "
	    "have before");
}

/* true: it was right, and *t and *codes are what is left. */
static bool
use_code(
    struct credentials_totp *t, struct credentials_codes *codes, struct sv code)
{
	uint64_t step;

	if (totp_check(sv_of(t->secret, sizeof t->secret), code,
		clk_now() / 1000, t->last, &step) == RC_OK) {
		t->last = step;
		return true;
	}
	return credentials_take_code(codes, code);
}

int
auth_second_check(struct auth_server *s, struct sv account, struct sv code,
    const struct auth_who *w, struct err *err)
{
	const struct credentials *c = auth_server_credentials(s);
	struct auth_who who = *w;
	struct credentials_codes codes;
	struct credentials_totp t;
	unsigned took;
	int r;

	if (!credentials_totp(c, account, &t))
		return err_set(err, RC_DENIED, "there is no second factor");
	who.code = true;
	took = auth_memory_may_try(auth_server_memory(s), &who);
	credentials_recovery(c, account, &codes);
	if (took == 0) {
		r = too_many(err);
	} else if (!use_code(&t, &codes, code)) {
		r = err_set(err, RC_DENIED,
		    "this code is wrong, or was used already; wait for the "
		    "next one");
	} else {
		auth_memory_give_back(auth_server_memory(s), &who, took);
		r = auth_server_set_second(s, account, &t, &codes, err);
		if (r != RC_OK)
			r = err_set(err, RC_TEMP,
			    "the server cannot write to its disk");
	}
	sodium_memzero(&t, sizeof t);
	return r;
}

int
auth_second_begin(struct auth_server *s, struct sv account,
    const unsigned char secret[CREDENTIALS_SECRET], struct sv code,
    const struct auth_who *w, struct buf *codes_out, struct err *err)
{
	struct credentials_totp t = {.last = 0};
	struct auth_who who = *w;
	struct credentials_codes codes;
	unsigned took;
	int r;

	who.code = true;
	took = auth_memory_may_try(auth_server_memory(s), &who);
	if (took == 0)
		return too_many(err);
	memcpy(t.secret, secret, sizeof t.secret);
	if (totp_check(sv_of(secret, CREDENTIALS_SECRET), code,
		clk_now() / 1000, 0, &t.last) != RC_OK)
		return err_set(err, RC_DENIED,
		    "this code is wrong; is the clock of the phone right?");
	auth_memory_give_back(auth_server_memory(s), &who, took);
	credentials_make_codes(&codes, codes_out);
	r = auth_server_set_second(s, account, &t, &codes, err);
	if (r != RC_OK)
		buf_wipe(codes_out);
	sodium_memzero(&t, sizeof t);
	return r;
}

int
auth_second_end(struct auth_server *s, struct sv account, struct err *err)
{
	return auth_second_is_on(s, account)
		   ? auth_server_set_second(s, account, NULL, NULL, err)
		   : RC_OK;
}

int
auth_second_renew(struct auth_server *s, struct sv account,
    struct buf *codes_out, struct err *err)
{
	struct credentials_codes codes;
	struct credentials_totp t;
	int r;

	if (!credentials_totp(auth_server_credentials(s), account, &t))
		return err_set(err, RC_NOTFOUND,
		    "recovery codes are for the second factor, which is off");
	credentials_make_codes(&codes, codes_out);
	r = auth_server_set_second(s, account, &t, &codes, err);
	if (r != RC_OK)
		buf_wipe(codes_out);
	sodium_memzero(&t, sizeof t);
	return r;
}
