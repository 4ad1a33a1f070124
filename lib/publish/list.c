/* Entries, and what is in them. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "publish/publish_priv.h"

#define FOUND_MAX 2048 /* of what others have published: enough to see it */

struct publish *
publish_add(struct publish_list *l, enum publish_kind kind, enum dns_type type)
{
	struct publish *p;

	l->p = xgrow(l->p, &l->cap, l->n + 1, sizeof *l->p);
	p = &l->p[l->n++];
	memset(p, 0, sizeof *p);
	p->kind = kind;
	p->type = type;
	p->lookup = true;
	p->q = lookup_new();
	buf_init(&p->value, PUBLISH_VALUE_MAX);
	buf_init(&p->found, FOUND_MAX);
	buf_init(&p->words, PUBLISH_VALUE_MAX);
	buf_init(&p->servers, PUBLISH_VALUE_MAX);
	return p;
}

void
publish_set_name(struct publish *p, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (vsnprintf(p->name, sizeof p->name, fmt, ap) >= (int)sizeof p->name)
		p->lookup = false;
	va_end(ap);
}

void
publish_list_fini(struct publish_list *l)
{
	size_t i;

	for (i = 0; i < l->n; i++) {
		lookup_free(&l->p[i].q);
		buf_fini(&l->p[i].value);
		buf_fini(&l->p[i].found);
		buf_fini(&l->p[i].words);
		buf_fini(&l->p[i].servers);
	}
	free(l->p);
	*l = (struct publish_list){NULL, 0, 0};
}

/* ---- addresses ---- */

static bool
is_v4(const struct in6_addr *a)
{
	return IN6_IS_ADDR_V4MAPPED(a);
}

bool
publish_is_private(const struct in6_addr *a)
{
	const unsigned char *b = a->s6_addr;

	if (!is_v4(a))
		return (b[0] & 0xfe) == 0xfc || IN6_IS_ADDR_LINKLOCAL(a) ||
		       IN6_IS_ADDR_LOOPBACK(a);
	return b[12] == 10 || b[12] == 127 || b[12] == 0 ||
	       (b[12] == 172 && (b[13] & 0xf0) == 16) ||
	       (b[12] == 192 && b[13] == 168) ||
	       (b[12] == 169 && b[13] == 254) ||
	       (b[12] == 100 && (b[13] & 0xc0) == 64);
}

void
publish_put_address(const struct in6_addr *a, struct buf *out)
{
	char text[INET6_ADDRSTRLEN] = "";

	if (is_v4(a))
		(void)inet_ntop(AF_INET, a->s6_addr + 12, text, sizeof text);
	else
		(void)inet_ntop(AF_INET6, a, text, sizeof text);
	buf_adds(out, text);
}
