/* The QR code by which Thunderbird for Android takes an account. */
#include <jansson.h>

#include "base/utf8.h"
#include "clients/profile.h"

enum security {
	STARTTLS = 2,
	TLS = 3
};
#define PASSWORD_CLEARTEXT 1 /* PLAIN or LOGIN, below TLS */

static int
security_of(const struct clients_port *p)
{
	return p->implicit ? TLS : STARTTLS;
}

/* [version, [1, 1], [0, host, port, security, login, user, name, password],
 * [[[0, host, port, security, login, user, password], [address, name]]]] */
static json_t *
pack(const struct clients_server *s, const struct clients_profile *p)
{
	const struct clients_port *in = s->port[CLIENTS_IMAP];
	const struct clients_port *out = s->port[CLIENTS_SUBMISSION];

	return json_pack("[i, [i, i], [i, s, i, i, i, s%, s%, s%],"
			 " [[[i, s, i, i, i, s%, s%], [s%, s%]]]]",
	    1, 1, 1, 0, s->hostname, in->number, security_of(in),
	    PASSWORD_CLEARTEXT, p->address.p, p->address.n, p->address.p,
	    p->address.n, p->password.p, p->password.n, 0, s->hostname,
	    out->number, security_of(out), PASSWORD_CLEARTEXT, p->address.p,
	    p->address.n, p->password.p, p->password.n, p->address.p,
	    p->address.n, p->account.p, p->account.n);
}

static int
add_bytes(const char *p, size_t n, void *arg)
{
	buf_add(arg, p, n);
	return 0;
}

int
clients_thunderbird_code(const struct clients_server *s,
    const struct clients_profile *p, struct buf *out)
{
	json_t *j;
	int r;

	if (s->port[CLIENTS_IMAP][0].number == 0 ||
	    s->port[CLIENTS_SUBMISSION][0].number == 0)
		return RC_NOTFOUND;
	if (utf8_has_8bit(p->address))
		return RC_NOSUPPORT;
	j = pack(s, p);
	if (j == NULL)
		return RC_SYNTAX; /* not UTF-8, or a NUL */
	r = json_dump_callback(j, add_bytes, out, JSON_COMPACT) == 0 &&
		    buf_ok(out)
		? RC_OK
		: RC_TOOBIG;
	json_decref(j);
	return r;
}
