#include "acme/sentence.h"

#include <stdio.h>

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
text_of(const char *type)
{
	size_t i;

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
	const char *text = text_of(p->type);
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
