#include "ipc/msg_dns.h"

static void
question_fields(struct codec *c, struct dns_question *v)
{
	codec_text(c, &v->name, DNS_MSG_NAME_MAX);
	codec_u32(c, &v->type);
	codec_bool(c, &v->any);
}

CODEC(dns_question, question_fields)

static void
reply_fields(struct codec *c, struct dns_reply *v)
{
	uint32_t i;

	codec_rc(c, &v->rc);
	codec_below(c, &v->security, DNS_SECURITIES);
	codec_u32(c, &v->ttl);
	codec_text(c, &v->canonical, DNS_MSG_NAME_MAX);
	codec_list(c, (void **)&v->record, &v->nrecord, sizeof *v->record,
	    DNS_RECORDS_MAX);
	for (i = 0; i < v->nrecord; i++)
		codec_sv(c, &v->record[i]);
	codec_list_end(c, (void **)&v->record, &v->nrecord);
}

CODEC(dns_reply, reply_fields)

static void
direct_fields(struct codec *c, struct dns_direct *v)
{
	uint32_t i;

	codec_rc(c, &v->rc);
	codec_text(c, &v->zone, DNS_MSG_NAME_MAX);
	codec_u32(c, &v->negative_ttl);
	codec_list(
	    c, (void **)&v->server, &v->n, sizeof *v->server, DNS_DIRECT_MAX);
	for (i = 0; i < v->n; i++) {
		struct dns_direct_answer *s = &v->server[i];

		codec_text(c, &s->name, DNS_MSG_NAME_MAX);
		codec_text(c, &s->address, DNS_DIRECT_ADDRESS_MAX);
		codec_bool(c, &s->unroutable);
		codec_rc(c, &s->rc);
		codec_below(c, &s->security, DNS_SECURITIES);
		codec_u32(c, &s->ttl);
		codec_text(c, &s->canonical, DNS_MSG_NAME_MAX);
		codec_sv(c, &s->records);
	}
	codec_list_end(c, (void **)&v->server, &v->n);
}

CODEC(dns_direct, direct_fields)
