#include <string.h>

#include "base/be.h"
#include "dns/packet.h"

/* A record's data that is all of one name. */
static int
read_host(struct sv data, char out[DNS_NAME_MAX])
{
	struct dns_wire w;
	size_t at = 0;

	/* The data is alone, so a pointer in it leads nowhere. */
	if (dns_wire_read(data, &at, &w) != RC_OK || at != data.n ||
	    !dns_wire_is_host(&w))
		return RC_SYNTAX;
	return dns_wire_text(&w, out) == RC_OK ? RC_OK : RC_SYNTAX;
}

int
dns_host(struct sv record, char host_out[DNS_NAME_MAX])
{
	return read_host(record, host_out);
}

int
dns_mx(struct sv record, uint16_t *preference_out, char host_out[DNS_NAME_MAX])
{
	int r;

	if (record.n < 3)
		return RC_SYNTAX;
	r = read_host(sv_skip(record, 2), host_out);
	if (r == RC_OK)
		*preference_out = be_get16(record.p);
	return r;
}

int
dns_srv(struct sv record, struct dns_srv *out)
{
	struct dns_srv s;
	int r;

	if (record.n < 7)
		return RC_SYNTAX;
	r = read_host(sv_skip(record, 6), s.host);
	if (r != RC_OK)
		return r;
	s.priority = be_get16(record.p);
	s.weight = be_get16(record.p + 2);
	s.port = be_get16(record.p + 4);
	*out = s;
	return RC_OK;
}

int
dns_addr(struct sv record, struct in6_addr *out)
{
	struct in6_addr a = {0};

	if (record.n == 4) {
		a.s6_addr[10] = a.s6_addr[11] = 0xff;
		memcpy(a.s6_addr + 12, record.p, 4);
	} else if (record.n == 16) {
		memcpy(a.s6_addr, record.p, 16);
		if (IN6_IS_ADDR_V4MAPPED(&a) || IN6_IS_ADDR_V4COMPAT(&a))
			return RC_SYNTAX;
	} else {
		return RC_SYNTAX;
	}
	*out = a;
	return RC_OK;
}

int
dns_txt(struct sv record, struct buf *out)
{
	size_t had = out->n;

	if (record.n == 0)
		return RC_SYNTAX;
	while (record.n > 0) {
		size_t n = (unsigned char)record.p[0];

		if (n >= record.n) {
			buf_truncate(out, had);
			return RC_SYNTAX;
		}
		buf_add(out, record.p + 1, n);
		record = sv_skip(record, 1 + n);
	}
	return buf_ok(out) ? RC_OK : RC_TOOBIG;
}

int
dns_tlsa(struct sv record, struct dns_tlsa *out)
{
	if (record.n < 4)
		return RC_SYNTAX;
	*out = (struct dns_tlsa){(uint8_t)record.p[0], (uint8_t)record.p[1],
	    (uint8_t)record.p[2], sv_skip(record, 3)};
	return RC_OK;
}
