#include "dns/setup.h"

#include <string.h>

#include "base/ascii.h"

const char dns_root_anchors[] =
    ". IN DS 20326 8 2 "
    "E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D\n"
    ". IN DS 38696 8 2 "
    "683D2D0ACB8C9B712A1948B27F741219298D0A450D612C483AF444A4C0FB2B16\n";

int
dns_servers_add(struct dns_servers *s, struct sv text)
{
	char address[DNS_ADDRESS_MAX];
	int r = network_server_parse(text, 53, address);

	if (r == RC_OK && s->n == DNS_SERVERS_MAX)
		r = RC_TOOBIG;
	if (r == RC_OK)
		memcpy(s->address[s->n++], address, sizeof address);
	return r;
}

uint16_t
dns_server_port(const char *address)
{
	struct sv a = sv_str(address);
	uint32_t n = 53;

	if (sv_to_u32(sv_skip(a, sv_chr(a, '@') + 1), 65535, &n) != RC_OK)
		n = 53;
	return (uint16_t)n;
}

bool
dns_server_is_loopback(const char *address)
{
	return sv_starts(sv_str(address), SV("127.")) ||
	       sv_starts(sv_str(address), SV("::1@"));
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* Cuts the next word off. */
static struct sv
word(struct sv *line)
{
	size_t i = 0, n;
	struct sv w;

	while (i < line->n && is_blank(line->p[i]))
		i++;
	*line = sv_skip(*line, i);
	for (n = 0; n < line->n && !is_blank(line->p[n]); n++)
		;
	w = sv_first(*line, n);
	*line = sv_skip(*line, n);
	return w;
}

void
dns_servers_resolv_conf(struct sv text, struct dns_servers *out)
{
	out->n = 0;
	while (text.n > 0 && out->n < DNS_SERVERS_MAX) {
		struct sv line = sv_split(&text, '\n'), address;

		if (!sv_eq(word(&line), SV("nameserver")))
			continue;
		address = word(&line);
		/* A further server that cannot be used is not an error. */
		if (dns_servers_add(out, address) != RC_OK)
			continue;
	}
}

/* A line of a zone file without its comment. */
static struct sv
zone_line(struct sv *text)
{
	struct sv line = sv_split(text, '\n');

	return sv_trim(sv_first(line, sv_chr(line, ';')));
}

int
dns_servers_hints(struct sv text, struct dns_servers *out, struct err *err)
{
	struct dns_servers s = {.n = 0};

	while (text.n > 0 && s.n < DNS_SERVERS_MAX) {
		struct sv line = zone_line(&text), w;

		while ((w = word(&line)).n > 0)
			if (sv_ieq(w, SV("A")) || sv_ieq(w, SV("AAAA")))
				break;
		if (w.n == 0)
			continue;
		w = word(&line);
		if (dns_servers_add(&s, w) != RC_OK)
			return err_set(err, RC_SYNTAX,
			    "\"%.*s\" is not an address of a root server",
			    (int)(w.n < 50 ? w.n : 50), w.p);
	}
	if (s.n == 0)
		return err_set(
		    err, RC_SYNTAX, "it contains no address of a root server");
	*out = s;
	return RC_OK;
}

int
dns_anchor_next(struct sv *text, struct buf *out, struct err *err)
{
	struct sv line = {NULL, 0}, rest, w;
	size_t i;

	while (text->n > 0 && line.n == 0)
		line = zone_line(text);
	if (line.n == 0)
		return RC_NOTFOUND;
	rest = line;
	while ((w = word(&rest)).n > 0)
		if (sv_ieq(w, SV("DS")) || sv_ieq(w, SV("DNSKEY")))
			break;
	for (i = 0; i < line.n; i++)
		if (!ascii_is_print(line.p[i]) && line.p[i] != '\t')
			w.n = 0;
	if (w.n == 0 || sv_chr(line, '(') < line.n)
		return err_set(err, RC_SYNTAX,
		    "expected a DS or DNSKEY record on each line, not \"%.*s\"",
		    (int)(line.n < 50 ? line.n : 50), line.p);
	buf_set(out, line);
	return buf_ok(out) ? RC_OK : RC_TOOBIG;
}
