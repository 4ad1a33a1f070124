#include "test/unit/msgauth/zone.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/ascii.h"
#include "base/be.h"

#define ALIASES_MAX 8

struct record {
	char name[DNS_NAME_MAX];
	enum dns_type type; /* 0: TIMEOUT */
	struct buf data;
};

struct asked {
	char name[DNS_NAME_MAX];
};

struct zone {
	enum dns_security security;
	struct record *r;
	size_t n, cap;
	struct asked *asked;
	size_t nasked, asked_cap;
};

struct zone *
zone_new(void)
{
	return xcalloc(1, sizeof(struct zone));
}

void
zone_free(struct zone **zp)
{
	size_t i;

	for (i = 0; i < (*zp)->n; i++)
		buf_fini(&(*zp)->r[i].data);
	free((*zp)->r);
	free((*zp)->asked);
	free(*zp);
	*zp = NULL;
}

static struct record *
add(struct zone *z, struct sv name, enum dns_type type)
{
	struct record *r;

	z->r = xgrow(z->r, &z->cap, z->n + 1, sizeof *z->r);
	r = &z->r[z->n++];
	must(name.n < sizeof r->name);
	memcpy(r->name, name.p, name.n);
	r->name[name.n] = '\0';
	r->type = type;
	buf_init(&r->data, 65536);
	return r;
}

static void
put_name(struct sv name, struct buf *out)
{
	while (name.n > 0) {
		struct sv label = sv_split(&name, '.');

		buf_addc(out, (char)label.n);
		buf_addsv(out, label);
	}
	buf_addc(out, '\0');
}

static void
put_text(struct sv text, struct buf *out)
{
	do {
		struct sv part = sv_first(text, 255);

		buf_addc(out, (char)part.n);
		buf_addsv(out, part);
		text = sv_skip(text, 255);
	} while (text.n > 0);
}

static void
put_number(struct sv *data, size_t bytes, struct buf *out)
{
	uint32_t v;

	must(sv_to_u32(sv_split(data, ' '), 65535, &v) == RC_OK);
	if (bytes == 2)
		buf_addc(out, (char)(v >> 8));
	buf_addc(out, (char)v);
}

static void
put_hex(struct sv hex, struct buf *out)
{
	size_t i;

	for (i = 0; i + 1 < hex.n; i += 2)
		buf_addc(out,
		    (char)(ascii_hex(hex.p[i]) << 4 | ascii_hex(hex.p[i + 1])));
}

/* "0 issue letsencrypt.org" */
static void
put_caa(struct sv data, struct buf *out)
{
	struct sv tag;

	put_number(&data, 1, out);
	tag = sv_split(&data, ' ');
	buf_addc(out, (char)tag.n);
	buf_addsv(out, tag);
	buf_addsv(out, data);
}

static enum dns_type
type_of(struct sv s)
{
	static const struct {
		const char *name;
		enum dns_type type;
	} types[] = {{"A", DNS_A}, {"AAAA", DNS_AAAA}, {"MX", DNS_MX},
	    {"PTR", DNS_PTR}, {"CNAME", DNS_CNAME}, {"TXT", DNS_TXT},
	    {"NS", DNS_NS}, {"SRV", DNS_SRV}, {"TLSA", DNS_TLSA},
	    {"CAA", DNS_CAA}};
	size_t i;

	for (i = 0; i < sizeof types / sizeof types[0]; i++)
		if (sv_eq(s, sv_str(types[i].name)))
			return types[i].type;
	return (enum dns_type)0;
}

void
zone_add_wire(
    struct zone *z, struct sv name, enum dns_type type, const void *p, size_t n)
{
	buf_add(&add(z, name, type)->data, p, n);
}

void
zone_add_record(struct zone *z, struct sv name, struct sv type, struct sv data)
{
	struct record *r = add(z, name, type_of(type));
	unsigned char addr[16], two[2];
	char text[64] = "";
	uint32_t preference;

	switch (r->type) {
	case DNS_A:
	case DNS_AAAA:
		must(data.n < sizeof text);
		memcpy(text, data.p, data.n);
		must(inet_pton(r->type == DNS_A ? AF_INET : AF_INET6, text,
			 addr) == 1);
		buf_add(&r->data, addr, r->type == DNS_A ? 4 : 16);
		break;
	case DNS_MX:
		must(sv_to_u32(sv_split(&data, ' '), 65535, &preference) ==
		     RC_OK);
		be_put16(two, (uint16_t)preference);
		buf_add(&r->data, two, 2);
		put_name(data, &r->data);
		break;
	case DNS_TXT:
		put_text(data, &r->data);
		break;
	case DNS_SRV:
		put_number(&data, 2, &r->data);
		put_number(&data, 2, &r->data);
		put_number(&data, 2, &r->data);
		put_name(data, &r->data);
		break;
	case DNS_TLSA:
		put_number(&data, 1, &r->data);
		put_number(&data, 1, &r->data);
		put_number(&data, 1, &r->data);
		put_hex(data, &r->data);
		break;
	case DNS_CAA:
		put_caa(data, &r->data);
		break;
	case DNS_PTR:
	case DNS_CNAME:
	case DNS_NS:
	case DNS_SOA:
		put_name(data, &r->data);
		break;
	}
}

void
zone_add(struct zone *z, const char *line)
{
	struct sv rest = sv_str(line), name, type;

	name = sv_split(&rest, ' ');
	type = sv_split(&rest, ' ');
	zone_add_record(z, name, type, rest);
}

void
zone_sign(struct zone *z)
{
	z->security = DNS_SECURE;
}

/* ---- answers ---- */

/* Is there anything at or below the name? */
static bool
exists(const struct zone *z, struct sv name)
{
	size_t i;

	for (i = 0; i < z->n; i++) {
		struct sv have = sv_str(z->r[i].name);

		if (have.n < name.n ||
		    !sv_ieq(sv_skip(have, have.n - name.n), name))
			continue;
		if (have.n == name.n || have.p[have.n - name.n - 1] == '.')
			return true;
	}
	return false;
}

static const struct record *
find(const struct zone *z, struct sv name, enum dns_type type, size_t *at)
{
	for (; *at < z->n; (*at)++)
		if (z->r[*at].type == type &&
		    sv_ieq(sv_str(z->r[*at].name), name))
			return &z->r[(*at)++];
	return NULL;
}

/* "*.a.test" for what does not exist below a.test [RFC 4592]. */
static struct sv
wildcard(const struct zone *z, struct sv name, char out[DNS_NAME_MAX + 2])
{
	struct sv rest = name;

	while (!exists(z, rest)) {
		(void)sv_split(&rest, '.');
		if (rest.p == NULL)
			return name;
	}
	(void)snprintf(out, DNS_NAME_MAX + 2, "*.%.*s", SV_ARG(rest));
	return rest.n < name.n && exists(z, sv_str(out)) ? sv_str(out) : name;
}

static void
answer(const struct zone *z, const char *asked, enum dns_type type,
    struct dns_answer *a)
{
	char alias[DNS_NAME_MAX], star[DNS_NAME_MAX + 2];
	struct sv name = wildcard(z, sv_str(asked), star);
	const struct record *r;
	struct buf all;
	size_t at = 0, used = 0, hops = 0, n[200];

	dns_answer_init(a);
	while ((r = find(z, name, DNS_CNAME, &at)) != NULL) {
		if (++hops > ALIASES_MAX ||
		    dns_host(buf_sv(&r->data), alias) != RC_OK)
			return;
		name = sv_str(alias);
		at = 0;
	}
	at = 0;
	if (find(z, name, (enum dns_type)0, &at) != NULL) {
		/* what is there is answered, the rest fails */
		at = 0;
		if (find(z, name, type, &at) == NULL)
			return;
	}
	a->rc = exists(z, name) ? RC_OK : RC_NOTFOUND;
	a->security = z->security;
	if (name.p != star)
		sv_copy(name, a->canonical, sizeof a->canonical);
	buf_init(&all, 1000000);
	for (at = 0; (r = find(z, name, type, &at)) != NULL; used++) {
		must(used < 200);
		n[used] = r->data.n;
		buf_addsv(&all, buf_sv(&r->data));
	}
	a->n = used;
	a->bytes = buf_take(&all);
	a->record = xcalloc(used + 1, sizeof *a->record);
	for (at = 0, used = 0; used < a->n; used++) {
		a->record[used] = sv_of(a->bytes + at, n[used]);
		at += n[used];
	}
}

size_t
zone_answer(struct zone *z, struct lookup *l)
{
	struct lookup_question q;
	struct dns_answer a;
	size_t n = 0;

	while (lookup_open(l, &q)) {
		z->asked = xgrow(
		    z->asked, &z->asked_cap, z->nasked + 1, sizeof *z->asked);
		memcpy(z->asked[z->nasked++].name, q.name, strlen(q.name) + 1);
		answer(z, q.name, q.type, &a);
		lookup_answer(l, q.id, &a);
		dns_answer_fini(&a);
		n++;
	}
	return n;
}

size_t
zone_asked(const struct zone *z)
{
	return z->nasked;
}

size_t
zone_asked_for(const struct zone *z, const char *name)
{
	size_t i, n = 0;

	for (i = 0; i < z->nasked; i++)
		n += strcmp(z->asked[i].name, name) == 0;
	return n;
}
