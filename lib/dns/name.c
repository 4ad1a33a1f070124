#include <stdio.h>
#include <string.h>

#include "base/ascii.h"
#include "dns/packet.h"

static bool
is_host_byte(char c)
{
	return ascii_is_alnum(c) || c == '-' || c == '_';
}

static bool
is_printable(char c)
{
	return ascii_is_print(c);
}

static int
normalise(struct sv name, bool (*allowed)(char c), char out[DNS_NAME_MAX])
{
	size_t i, label = 0;

	if (name.n > 0 && name.p[name.n - 1] == '.')
		name.n--;
	if (name.n == 0 || name.n > 253)
		return RC_SYNTAX;
	for (i = 0; i < name.n; i++) {
		char c = name.p[i];

		if (c == '.' ? label == 0 : !allowed(c) || label == 63)
			return RC_SYNTAX;
		label = c == '.' ? 0 : label + 1;
	}
	if (label == 0)
		return RC_SYNTAX;
	for (i = 0; i < name.n; i++)
		out[i] = ascii_lower(name.p[i]);
	out[name.n] = '\0';
	return RC_OK;
}

int
dns_name_normalise(struct sv name, char out[DNS_NAME_MAX])
{
	return normalise(name, is_host_byte, out);
}

int
dns_name_any(struct sv name, char out[DNS_NAME_MAX])
{
	return normalise(name, is_printable, out);
}

void
dns_name_escape(const char *name, char out[DNS_ESCAPED_MAX])
{
	size_t n = 0;

	for (; *name != '\0'; name++)
		if (*name == '.' || is_host_byte(*name))
			out[n++] = *name;
		else
			n += (size_t)snprintf(
			    out + n, 5, "\\%03u", (unsigned char)*name);
	out[n] = '\0';
}

/* One label or pointer at *pos.  RC_MORE: there is more of the name. */
static int
read_label(struct sv pkt, size_t *pos, size_t *lowest, struct dns_wire *out)
{
	unsigned char c;
	size_t i, target;

	if (*pos >= pkt.n)
		return RC_SYNTAX;
	c = (unsigned char)pkt.p[*pos];
	if ((c & 0xc0) == 0xc0) {
		if (*pos + 1 >= pkt.n)
			return RC_SYNTAX;
		target =
		    (size_t)(c & 0x3f) << 8 | (unsigned char)pkt.p[*pos + 1];
		if (target >= *lowest)
			return RC_SYNTAX;
		*lowest = *pos = target;
		return RC_MORE;
	}
	if ((c & 0xc0) != 0 || *pos + 1 + c > pkt.n ||
	    out->n + 1 + c + (c != 0) > DNS_WIRE_MAX)
		return RC_SYNTAX;
	out->b[out->n++] = c;
	for (i = 1; i <= c; i++)
		out->b[out->n++] = (unsigned char)ascii_lower(pkt.p[*pos + i]);
	*pos += 1u + c;
	return c == 0 ? RC_OK : RC_MORE;
}

int
dns_wire_read(struct sv packet, size_t *at, struct dns_wire *out)
{
	struct dns_wire w = {.n = 0};
	size_t pos = *at, lowest = *at, behind = 0;
	int r = RC_MORE;

	while (r == RC_MORE) {
		size_t before = pos, limit = lowest;

		r = read_label(packet, &pos, &lowest, &w);
		/* The name ends behind its first pointer, for the reader. */
		if (lowest != limit && behind == 0)
			behind = before + 2;
	}
	if (r != RC_OK)
		return r;
	*at = behind != 0 ? behind : pos;
	*out = w;
	return RC_OK;
}

void
dns_wire_of(const char *name, struct dns_wire *out)
{
	struct sv rest = sv_str(name), label;

	out->n = 0;
	while (rest.n > 0) {
		label = sv_split(&rest, '.');
		must(label.n <= 63 && out->n + label.n + 2 <= DNS_WIRE_MAX);
		out->b[out->n++] = (unsigned char)label.n;
		memcpy(out->b + out->n, label.p, label.n);
		out->n += label.n;
	}
	out->b[out->n++] = 0;
}

int
dns_wire_text(const struct dns_wire *w, char out[DNS_NAME_MAX])
{
	char text[DNS_NAME_MAX];
	size_t at = 0, n = 0, i;

	while (w->b[at] != 0) {
		size_t len = w->b[at++];

		for (i = 0; i < len; i++) {
			char c = (char)w->b[at + i];
			bool plain = is_host_byte(c) || c == '/';

			/* With a dot or the NUL behind it. */
			if (n + (plain ? 1 : 4) + 1 > sizeof text)
				return RC_TOOBIG;
			if (plain)
				text[n++] = c;
			else
				n += (size_t)snprintf(
				    text + n, 5, "\\%03u", w->b[at + i]);
		}
		at += len;
		if (w->b[at] != 0)
			text[n++] = '.';
	}
	memcpy(out, text, n);
	out[n] = '\0';
	return RC_OK;
}

bool
dns_wire_is_host(const struct dns_wire *w)
{
	size_t at = 0, i;

	while (w->b[at] != 0) {
		size_t len = w->b[at++];

		for (i = 0; i < len; i++)
			if (!is_host_byte((char)w->b[at + i]))
				return false;
		at += len;
	}
	return true;
}

void
dns_reverse(const struct in6_addr *a, char out[DNS_NAME_MAX])
{
	const unsigned char *b = a->s6_addr;
	int i, n = 0;

	if (IN6_IS_ADDR_V4MAPPED(a)) {
		(void)snprintf(out, DNS_NAME_MAX, "%u.%u.%u.%u.in-addr.arpa",
		    b[15], b[14], b[13], b[12]);
		return;
	}
	for (i = 15; i >= 0; i--)
		n += snprintf(out + n, DNS_NAME_MAX - (size_t)n, "%x.%x.",
		    b[i] & 15, b[i] >> 4);
	(void)snprintf(out + n, DNS_NAME_MAX - (size_t)n, "ip6.arpa");
}
