#include "ipc/msg_mx.h"

static void
relay_fields(struct codec *c, struct mx_relay *v)
{
	codec_text(c, &v->host, MX_HOST_MAX);
	if (v->host.n == 0)
		return;
	codec_u16(c, &v->port);
	codec_u8(c, &v->tls);
	codec_bool(c, &v->implicit_tls);
	codec_bool(c, &v->fallback);
	codec_text(c, &v->user, MX_USER_MAX);
	codec_text(c, &v->password, MX_SECRET_MAX);
}

static void
job_fields(struct codec *c, struct mx_job *v)
{
	uint32_t i;

	codec_bytes(c, v->delivery_id, sizeof v->delivery_id);
	codec_text(c, &v->domain, MX_HOST_MAX);
	relay_fields(c, &v->relay);
	codec_sv(c, &v->sender);
	codec_u64(c, &v->size);
	codec_u32(c, &v->flags);
	codec_list(c, (void **)&v->recipient, &v->nrecipient,
	    sizeof *v->recipient, MX_RECIPIENTS_MAX);
	for (i = 0; i < v->nrecipient; i++) {
		codec_u32(c, &v->recipient[i].which);
		codec_sv(c, &v->recipient[i].address);
	}
	codec_list_end(c, (void **)&v->recipient, &v->nrecipient);
	codec_fd(c, &v->fd);
}

CODEC(mx_job, job_fields)

static void
outcome_fields(struct codec *c, struct mx_outcome *v)
{
	uint32_t i;

	codec_rc(c, &v->rc);
	if (v->rc != RC_OK)
		return;
	codec_u64(c, &v->job);
	codec_bytes(c, v->delivery_id, sizeof v->delivery_id);
	codec_bool(c, &v->reached);
	codec_sv(c, &v->why);
	codec_list(c, (void **)&v->verdict, &v->nverdict, sizeof *v->verdict,
	    MX_RECIPIENTS_MAX);
	for (i = 0; i < v->nverdict; i++) {
		codec_u32(c, &v->verdict[i].which);
		codec_u32(c, &v->verdict[i].code);
		codec_sv(c, &v->verdict[i].text);
	}
	codec_list_end(c, (void **)&v->verdict, &v->nverdict);
}

CODEC(mx_outcome, outcome_fields)

static void
open_fields(struct codec *c, struct mx_open *v)
{
	uint32_t i;

	codec_u64(c, &v->job);
	codec_bytes(c, v->delivery_id, sizeof v->delivery_id);
	codec_list(c, (void **)&v->which, &v->nwhich, sizeof *v->which,
	    MX_RECIPIENTS_MAX);
	for (i = 0; i < v->nwhich; i++)
		codec_u32(c, &v->which[i]);
	codec_list_end(c, (void **)&v->which, &v->nwhich);
}

CODEC(mx_open, open_fields)

static void
noted_fields(struct codec *c, struct mx_noted *v)
{
	codec_u64(c, &v->job);
}

CODEC(mx_noted, noted_fields)
