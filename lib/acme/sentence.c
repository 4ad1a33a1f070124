#include "acme/sentence.h"

#include <stdio.h>
#include <string.h>

#include "base/ascii.h"
#include "base/buf.h"

/* By the type of the problem [RFC 8555 6.7]; %s is the name, %p the port. */
static const struct known {
	const char *type, *text;
} known[] = {
    {"connection", "the certificate authority cannot reach this server under "
		   "the name %s: port %p must be open to the Internet, also "
		   "over IPv6 if the name has an AAAA record"},
    {"dns", "the certificate authority finds no address of %s in the DNS"},
    {"caa", "a CAA record in the DNS of %s allows other certificate "
	    "authorities only"},
    {"unauthorized", "the certificate authority got a wrong answer from port "
		     "%p of %s: the name leads to another server"},
    {"incorrectResponse", "the certificate authority got a wrong answer from "
			  "port %p of %s: the name leads to another server"},
    {"tls", "the certificate authority does not get on with TLS at port %p of "
	    "%s: the name leads to another server, or something between ends "
	    "TLS"},
    {"rateLimited", "the certificate authority wants fewer requests"},
    {"rejectedIdentifier", "the certificate authority gives no certificate "
			   "for %s"},
    {"unsupportedIdentifier", "the certificate authority gives no certificate "
			      "for names such as %s"},
    {"accountDoesNotExist", "the certificate authority does not know our "
			    "account"},
    {"externalAccountRequired", "this certificate authority wants an account "
				"that you have with it: set tls.acme.eab"},
    {"userActionRequired", "the certificate authority has new terms that you "
			   "have to agree to"},
    {"invalidContact", "the certificate authority does not accept "
		       "tls.acme.email"},
    {"unsupportedContact", "the certificate authority does not accept "
			   "tls.acme.email"},
    {"badCSR", "the certificate authority does not accept our request for a "
	       "certificate"},
    {"serverInternal", "the certificate authority has a problem of its own"},
};

static const char *
text_of(const char *type, unsigned status)
{
	size_t i;

	/* Nothing was looked at: it is the request that they refuse. */
	if (status != 0 && sv_eq(sv_str(type), SV("unauthorized")))
		return "the certificate authority does not let our account do "
		       "that";
	for (i = 0; i < sizeof known / sizeof known[0]; i++)
		if (sv_eq(sv_str(type), sv_str(known[i].type)))
			return known[i].text;
	return NULL;
}

/* Puts the name where %s is, and the port where %p is. */
static void
fill_in(const char *text, const char *name, enum acme_way way, struct buf *out)
{
	for (; *text != '\0'; text++) {
		if (text[0] != '%') {
			buf_addc(out, *text);
			continue;
		}
		text++;
		if (*text == 'p')
			buf_addf(out, "%u", acme_way_port(way));
		else
			buf_adds(out, name[0] != '\0' ? name : "the name");
	}
}

void
acme_sentence(const struct acme_problem *p, unsigned status, enum acme_way way,
    const char *name, char out[ERR_TEXT_MAX])
{
	const char *text = text_of(p->type, status);
	struct buf b;

	buf_init(&b, 4096);
	if (text != NULL)
		fill_in(text, name, way, &b);
	else if (name[0] != '\0')
		buf_addf(&b, "the certificate authority refuses %s", name);
	else
		buf_adds(&b, "the certificate authority refuses");
	if (p->detail[0] != '\0')
		buf_addf(&b, " (it says: %.200s)", p->detail);
	else if (text == NULL && status != 0)
		buf_addf(&b, " (HTTP status %u)", status);
	if (p->instance[0] != '\0' && p->type[0] == 'u')
		buf_addf(&b, "; see %.100s", p->instance);
	(void)snprintf(out, ERR_TEXT_MAX, "%s", b.p);
	buf_fini(&b);
}

static bool
is_in_name(char c)
{
	return ascii_is_alnum(c) || c == '-' || c == '_' || c == '.';
}

/* A whole name; a dot behind it may end the sentence. */
static bool
is_whole(struct sv text, size_t at, size_t n)
{
	struct sv rest = sv_skip(text, at + n);

	if (at > 0 && is_in_name(text.p[at - 1]))
		return false;
	if (rest.n > 0 && rest.p[0] == '.')
		rest = sv_skip(rest, 1);
	return rest.n == 0 || !is_in_name(rest.p[0]);
}

bool
acme_is_of_name(const struct acme_problem *p)
{
	static const char *const type[] = {"dns", "caa", "rejectedIdentifier",
	    "unsupportedIdentifier", "rateLimited"};
	size_t i;

	for (i = 0; i < sizeof type / sizeof type[0]; i++)
		if (strcmp(p->type, type[i]) == 0)
			return true;
	return false;
}

bool
acme_speaks_of(const struct acme_problem *p, const char *name)
{
	struct sv text = sv_str(p->detail), what = sv_str(name);
	size_t at;

	/* A limit is named after the domain that all are in. */
	if (strcmp(p->type, "rateLimited") == 0 ||
	    (strcmp(p->type, "malformed") != 0 && !acme_is_of_name(p)))
		return false;
	for (at = 0; what.n > 0 && at + what.n <= text.n; at++)
		if (sv_istarts(sv_skip(text, at), what) &&
		    is_whole(text, at, what.n))
			return true;
	return false;
}
