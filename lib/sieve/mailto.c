#include "sieve/mailto.h"

#include <string.h>

#include "base/ascii.h"
#include "base/utf8.h"
#include "sieve/address.h"

#define URI_MAX	 4096
#define MANY_MAX 8 /* addresses */

void
sieve_mailto_fini(struct sieve_mailto *m)
{
	buf_fini(&m->body);
	buf_fini(&m->subject);
	buf_fini(&m->cc);
	buf_fini(&m->to);
}

/* "%41" is "A"; false: a percent sign that is none. */
static bool
decode(struct sv s, struct buf *out)
{
	buf_reset(out);
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (c == '%') {
			if (i + 2 >= s.n || ascii_hex(s.p[i + 1]) < 0 ||
			    ascii_hex(s.p[i + 2]) < 0)
				return false;
			c = (char)(ascii_hex(s.p[i + 1]) * 16 +
				   ascii_hex(s.p[i + 2]));
			i += 2;
		}
		buf_addc(out, c);
	}
	return buf_ok(out) && sv_chr(buf_sv(out), '\0') == out->n;
}

static bool
add_address(struct sv one, struct buf *out, unsigned *count)
{
	struct buf b;
	bool ok;

	buf_init(&b, URI_MAX);
	ok = ++*count <= MANY_MAX && sieve_address_read(one, &b);
	if (ok && out->n > 0)
		buf_adds(out, ", ");
	if (ok)
		buf_addsv(out, buf_sv(&b));
	buf_fini(&b);
	return ok;
}

/* Addresses with commas between them, each encoded.  Commas that are encoded
 * are of an address [RFC 6068 2]; or, if it is not one, between them, as it was
 * done before [RFC 2368 2]. */
static bool
add_addresses(struct sv list, struct buf *out, unsigned *count)
{
	bool ok = true;
	struct buf b;

	buf_init(&b, URI_MAX);
	while (ok && list.n > 0) {
		unsigned before = *count;
		struct sv rest;

		ok = decode(sv_split(&list, ','), &b);
		rest = buf_sv(&b);
		if (!ok || add_address(rest, out, count))
			continue;
		*count = before;
		ok = sv_chr(rest, ',') < rest.n;
		while (ok && rest.n > 0)
			ok = add_address(sv_split(&rest, ','), out, count);
	}
	buf_fini(&b);
	return ok;
}

/* Names of fields are as in a header; those we do not know are left out. */
static bool
add_field(
    struct sieve_mailto *m, struct sv name, struct sv value, unsigned *count)
{
	bool ok = true;
	struct buf b;

	buf_init(&b, URI_MAX);
	ok = decode(value, &b);
	if (sv_ieq(name, SV("to")) || sv_ieq(name, SV("cc")))
		ok = ok && add_addresses(value,
			       sv_ieq(name, SV("to")) ? &m->to : &m->cc, count);
	else if (sv_ieq(name, SV("subject")))
		buf_set(&m->subject, buf_sv(&b));
	else if (sv_ieq(name, SV("body")))
		buf_set(&m->body, buf_sv(&b));
	buf_fini(&b);
	return ok;
}

static bool
is_name(struct sv s)
{
	return s.n > 0 && sv_chr(s, ':') == s.n && sv_chr(s, '/') == s.n;
}

static bool
is_uri(struct sv s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] <= ' ' || s.p[i] == 127 ||
		    memchr("<>\"\\^`{|}", s.p[i], 9) != NULL)
			return false;
	return s.n <= URI_MAX;
}

bool
sieve_mailto_read(struct sv uri, struct sieve_mailto *out)
{
	struct sieve_mailto m;
	struct sv to, rest;
	unsigned count = 0;
	bool ok;

	if (!sv_istarts(uri, SV("mailto:")) || !is_uri(uri))
		return false;
	buf_init(&m.to, 2 * URI_MAX);
	buf_init(&m.cc, 2 * URI_MAX);
	buf_init(&m.subject, URI_MAX);
	buf_init(&m.body, URI_MAX);
	rest = sv_skip(uri, 7);
	to = sv_split(&rest, '?');
	ok = add_addresses(to, &m.to, &count);
	while (ok && rest.n > 0) {
		struct sv value = sv_split(&rest, '&');
		struct sv name = sv_split(&value, '=');

		ok = is_name(name) && value.p != NULL &&
		     add_field(&m, name, value, &count);
	}
	ok = ok && count > 0 && utf8_valid(buf_sv(&m.subject));
	if (ok)
		*out = m;
	else
		sieve_mailto_fini(&m);
	return ok;
}
