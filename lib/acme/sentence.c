#include "acme/sentence.h"

#include <stdio.h>

#include "base/buf.h"

/* By the type of the problem [RFC 8555 6.7]; %s is the name. */
static const struct known {
	const char *type, *text;
} known[] = {
    {"connection", "the certificate authority cannot reach this server under "
		   "the name %s: port 80 must be open to the Internet, also "
		   "over IPv6 if the name has an AAAA record"},
    {"dns", "the certificate authority finds no address of %s in the DNS"},
    {"caa", "a CAA record in the DNS of %s allows other certificate "
	    "authorities only"},
    {"unauthorized", "the certificate authority got a wrong answer from port "
		     "80 of %s: the name leads to another server"},
    {"incorrectResponse", "the certificate authority got a wrong answer from "
			  "port 80 of %s: the name leads to another server"},
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

/* Puts the name where %s is. */
static void
fill_in(const char *text, const char *name, struct buf *out)
{
	struct sv s = sv_str(text);
	size_t at = sv_find(s, SV("%s"));

	buf_addsv(out, sv_first(s, at));
	if (at < s.n) {
		buf_adds(out, name[0] != '\0' ? name : "the name");
		buf_addsv(out, sv_skip(s, at + 2));
	}
}

void
acme_sentence(const struct acme_problem *p, unsigned status, const char *name,
    char out[ERR_TEXT_MAX])
{
	const char *text = text_of(p->type);
	struct buf b;

	buf_init(&b, 4096);
	if (text != NULL)
		fill_in(text, name, &b);
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
