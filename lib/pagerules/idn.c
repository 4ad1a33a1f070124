#include "pagerules/idn.h"

#include <string.h>

#include <idn2.h>

#include "base/utf8.h"
#include "mail/path.h"

/* Of UTF-8: as much as a name of 253 bytes may come from. */
#define NAME_MAX_BYTES 1024

/* The domain as a string for the library. */
static int
take_domain(struct sv who, char out[NAME_MAX_BYTES + 1], struct sv *local)
{
	size_t at = sv_rchr(who, '@');
	struct sv domain = at < who.n ? sv_skip(who, at + 1) : who;

	*local = sv_first(who, at < who.n ? at + 1 : 0);
	if (domain.n == 0 || domain.n > NAME_MAX_BYTES || !utf8_valid(domain) ||
	    memchr(domain.p, 0, domain.n) != NULL)
		return RC_SYNTAX;
	memcpy(out, domain.p, domain.n);
	out[domain.n] = '\0';
	return RC_OK;
}

int
idn_ascii(struct sv who, struct buf *out)
{
	char name[NAME_MAX_BYTES + 1];
	uint8_t *made = NULL;
	struct sv local, ascii;
	int r = take_domain(who, name, &local);

	if (r != RC_OK)
		return r;
	ascii = sv_str(name);
	if (utf8_has_8bit(ascii)) {
		if (idn2_lookup_u8((const uint8_t *)name, &made,
			IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) != IDN2_OK)
			return RC_SYNTAX;
		ascii = sv_str((const char *)made);
	}
	if (mail_domain_valid(ascii)) {
		buf_addsv(out, local);
		buf_addsv(out, ascii);
	} else {
		r = RC_SYNTAX;
	}
	idn2_free(made);
	return r;
}

/* Is it what these labels stand for? */
static bool
stands_for(struct sv shown, struct sv ascii)
{
	struct buf b;
	bool yes;

	buf_init(&b, 2 * NAME_MAX_BYTES);
	yes = idn_ascii(shown, &b) == RC_OK && sv_ieq(buf_sv(&b), ascii);
	buf_fini(&b);
	return yes;
}

int
idn_shown(struct sv who, struct buf *out)
{
	char name[NAME_MAX_BYTES + 1];
	char *made = NULL;
	struct buf ascii;
	struct sv local;
	int r;

	buf_init(&ascii, 2 * NAME_MAX_BYTES);
	r = idn_ascii(who, &ascii);
	if (r == RC_OK)
		r = take_domain(buf_sv(&ascii), name, &local);
	if (r == RC_OK) {
		buf_addsv(out, local);
		if (idn2_to_unicode_8z8z(name, &made, 0) == IDN2_OK &&
		    stands_for(sv_str(made), sv_str(name)))
			buf_adds(out, made);
		else
			buf_adds(out, name);
	}
	idn2_free(made);
	buf_fini(&ascii);
	return r;
}
