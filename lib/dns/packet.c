#include "dns/packet.h"

#include <string.h>

#include "base/be.h"

#define HEADER	 12
#define CLASS_IN 1

struct rr {
	struct dns_wire owner;
	uint16_t type, class;
	uint32_t ttl;
	size_t data, ndata; /* where its data is */
};

struct reader {
	struct sv pkt;
	unsigned nanswer, nauthority;
	size_t answers; /* where the sections begin */
};

static int
read_rr(struct sv pkt, size_t *at, struct rr *rr)
{
	size_t pos = *at;
	int r = dns_wire_read(pkt, &pos, &rr->owner);

	if (r != RC_OK)
		return r;
	if (pkt.n - pos < 10)
		return RC_SYNTAX;
	rr->type = be_get16(pkt.p + pos);
	rr->class = be_get16(pkt.p + pos + 2);
	rr->ttl = be_get32(pkt.p + pos + 4);
	/* [RFC 2181 8] with the highest bit set it counts as zero. */
	if (rr->ttl > INT32_MAX)
		rr->ttl = 0;
	rr->ndata = be_get16(pkt.p + pos + 8);
	rr->data = pos + 10;
	if (pkt.n - rr->data < rr->ndata)
		return RC_SYNTAX;
	*at = rr->data + rr->ndata;
	return RC_OK;
}

static bool
same_name(const struct dns_wire *a, const struct dns_wire *b)
{
	return a->n == b->n && memcmp(a->b, b->b, a->n) == 0;
}

static bool
rr_is(const struct rr *rr, const struct dns_wire *owner, uint16_t type)
{
	return rr->type == type && rr->class == CLASS_IN &&
	       same_name(&rr->owner, owner);
}

/* Header and question: is it an answer to what was asked? */
static int
read_head(struct reader *rd, const struct dns_wire *name, enum dns_type type,
    int *rc_out)
{
	struct dns_wire asked;
	size_t at = HEADER;
	unsigned flags;
	int r;

	if (rd->pkt.n < HEADER || be_get16(rd->pkt.p + 4) != 1)
		return RC_SYNTAX;
	flags = be_get16(rd->pkt.p + 2);
	rd->nanswer = be_get16(rd->pkt.p + 6);
	rd->nauthority = be_get16(rd->pkt.p + 8);
	r = dns_wire_read(rd->pkt, &at, &asked);
	if (r != RC_OK)
		return r;
	if (rd->pkt.n - at < 4 || !same_name(&asked, name) ||
	    be_get16(rd->pkt.p + at) != (uint16_t)type ||
	    be_get16(rd->pkt.p + at + 2) != CLASS_IN)
		return RC_SYNTAX;
	rd->answers = at + 4;
	/* Truncated, or no answer at all: as good as none. */
	if ((flags & 0x8000) == 0)
		return RC_SYNTAX;
	*rc_out = (flags & 0x0200) != 0 ? RC_TEMP
		  : (flags & 0x0f) == 0 ? RC_OK
		  : (flags & 0x0f) == 3 ? RC_NOTFOUND
					: RC_TEMP;
	return RC_OK;
}

/* The CNAME of `name`, which becomes its target; RC_NOTFOUND: it has none. */
static int
follow_one(const struct reader *rd, struct dns_wire *name, uint32_t *ttl)
{
	size_t at = rd->answers, pos;
	struct rr rr;
	unsigned i;
	int r;

	for (i = 0; i < rd->nanswer; i++) {
		r = read_rr(rd->pkt, &at, &rr);
		if (r != RC_OK)
			return r;
		if (!rr_is(&rr, name, DNS_CNAME))
			continue;
		pos = rr.data;
		r = dns_wire_read(rd->pkt, &pos, name);
		if (r == RC_OK && pos != rr.data + rr.ndata)
			r = RC_SYNTAX;
		if (rr.ttl < *ttl)
			*ttl = rr.ttl;
		return r;
	}
	return RC_NOTFOUND;
}

static int
follow(const struct reader *rd, unsigned chain, struct dns_wire *name,
    uint32_t *ttl)
{
	unsigned i;
	int r = RC_OK;

	for (i = 0; r == RC_OK && i <= chain; i++)
		r = follow_one(rd, name, ttl);
	return r == RC_OK ? RC_TOOBIG : r == RC_NOTFOUND ? RC_OK : r;
}

/* How many bytes precede the name in the data; -1: there is no name. */
static int
bytes_before_name(enum dns_type type)
{
	switch (type) {
	case DNS_NS:
	case DNS_CNAME:
	case DNS_PTR:
		return 0;
	case DNS_MX:
		return 2;
	case DNS_SRV:
		return 6;
	case DNS_SOA:
	case DNS_A:
	case DNS_TXT:
	case DNS_AAAA:
	case DNS_TLSA:
	case DNS_CAA:
		break;
	}
	return -1;
}

static int
add_record(const struct reader *rd, const struct rr *rr, enum dns_type type,
    struct buf *out)
{
	const char *p = rd->pkt.p + rr->data;
	int before = bytes_before_name(type), r;
	struct dns_wire name = {.n = 0};
	size_t pos, n = rr->ndata;
	unsigned char len[2];

	if ((type == DNS_A && n != 4) || (type == DNS_AAAA && n != 16) ||
	    (before >= 0 && n < (size_t)before))
		return RC_SYNTAX;
	if (before >= 0) {
		pos = rr->data + (size_t)before;
		r = dns_wire_read(rd->pkt, &pos, &name);
		if (r != RC_OK || pos != rr->data + rr->ndata)
			return RC_SYNTAX;
		n = (size_t)before;
	}
	be_put16(len, (uint16_t)(n + name.n));
	buf_add(out, len, sizeof len);
	buf_add(out, p, n);
	buf_add(out, name.b, name.n);
	return buf_ok(out) ? RC_OK : RC_TOOBIG;
}

/* All records of the wanted type; *at is behind the answers then. */
static int
collect(const struct reader *rd, const struct dns_wire *name,
    enum dns_type type, const struct dns_packet_limits *limits,
    struct dns_packet *out, size_t *at)
{
	struct rr rr;
	unsigned i;
	int r = RC_OK;

	for (i = 0; r == RC_OK && i < rd->nanswer; i++) {
		r = read_rr(rd->pkt, at, &rr);
		if (r != RC_OK || !rr_is(&rr, name, (uint16_t)type))
			continue;
		if (rr.ttl < out->ttl)
			out->ttl = rr.ttl;
		r = out->n++ < limits->records
			? add_record(rd, &rr, type, &out->data)
			: RC_TOOBIG;
	}
	return r;
}

/* How long "there is none" may be believed [RFC 2308 5]. */
static int
negative_ttl(const struct reader *rd, size_t at, uint32_t *ttl)
{
	uint32_t least = 0, minimum;
	struct rr rr;
	unsigned i;
	int r = RC_OK;

	for (i = 0; r == RC_OK && i < rd->nauthority; i++) {
		r = read_rr(rd->pkt, &at, &rr);
		if (r != RC_OK || rr.type != DNS_SOA || rr.ndata < 22)
			continue;
		minimum = be_get32(rd->pkt.p + rr.data + rr.ndata - 4);
		least = rr.ttl < minimum ? rr.ttl : minimum;
	}
	if (least < *ttl)
		*ttl = least;
	return r;
}

int
dns_packet_read(struct sv packet, const char *name, enum dns_type type,
    const struct dns_packet_limits *limits, struct dns_packet *out)
{
	struct reader rd = {.pkt = packet};
	struct dns_packet got = {.ttl = INT32_MAX};
	struct dns_wire at_name, asked;
	size_t at;
	int r;

	dns_wire_of(name, &at_name);
	asked = at_name;
	buf_init(&got.data, limits->bytes);
	r = read_head(&rd, &at_name, type, &got.rc);
	at = rd.answers;
	if (r == RC_OK && type != DNS_CNAME)
		r = follow(&rd, limits->chain, &at_name, &got.ttl);
	if (r == RC_OK)
		r = collect(&rd, &at_name, type, limits, &got, &at);
	if (r == RC_OK && got.n == 0)
		r = negative_ttl(&rd, at, &got.ttl);
	if (r == RC_OK)
		r = dns_wire_text(&at_name, got.canonical);
	/* Nobody asks for such a name to find a host. */
	if (r == RC_TOOBIG && !dns_wire_is_host(&asked)) {
		got.canonical[0] = '\0';
		r = RC_OK;
	}
	if (r != RC_OK) {
		buf_fini(&got.data);
		return r;
	}
	*out = got;
	return RC_OK;
}

bool
dns_packet_next(struct sv *data, struct sv *record_out)
{
	size_t n;

	if (data->n < 2)
		return false;
	n = be_get16(data->p);
	*record_out = sv_first(sv_skip(*data, 2), n);
	*data = sv_skip(*data, 2 + n);
	return true;
}
