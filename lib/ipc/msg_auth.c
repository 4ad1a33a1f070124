#include "ipc/msg_auth.h"

static void
login_ask_fields(struct codec *c, struct login_ask *v)
{
	codec_u8(c, &v->service);
	codec_sv(c, &v->sasl);
	codec_text(c, &v->peer, ACCOUNT_PEER_MAX);
	codec_bool(c, &v->tls);
	codec_sv(c, &v->tag);
	codec_fd_maybe(c, &v->fd);
}

CODEC(login_ask, login_ask_fields)

static void
login_done_fields(struct codec *c, struct login_done *v)
{
	codec_rc(c, &v->rc);
	codec_text(c, &v->text, ERR_TEXT_MAX);
	if (v->rc != RC_OK)
		return;
	codec_u32(c, &v->number);
	codec_text(c, &v->account, ACCOUNT_NAME_MAX);
	codec_u32(c, &v->generation);
	codec_u64(c, &v->credential);
}

CODEC(login_done, login_done_fields)

static void
sign_ask_fields(struct codec *c, struct sign_ask *v)
{
	uint32_t i;

	codec_text(c, &v->domain, SIGN_DOMAIN_MAX);
	codec_list(c, (void **)&v->hash, &v->nhash, sizeof *v->hash, SIGN_KEYS);
	for (i = 0; i < v->nhash; i++) {
		codec_text(c, &v->hash[i].selector, SIGN_SELECTOR_MAX);
		codec_bytes(c, v->hash[i].hash, sizeof v->hash[i].hash);
	}
	codec_list_end(c, (void **)&v->hash, &v->nhash);
}

CODEC(sign_ask, sign_ask_fields)

static void
sign_done_fields(struct codec *c, struct sign_done *v)
{
	uint32_t i;

	codec_rc(c, &v->rc);
	codec_text(c, &v->text, ERR_TEXT_MAX);
	codec_list(c, (void **)&v->s, &v->n, sizeof *v->s, SIGN_KEYS);
	for (i = 0; i < v->n; i++) {
		codec_below(c, &v->s[i].algorithm, SIGN_KEYS);
		codec_text(c, &v->s[i].selector, SIGN_SELECTOR_MAX);
		codec_sv(c, &v->s[i].signature);
	}
	codec_list_end(c, (void **)&v->s, &v->n);
}

CODEC(sign_done, sign_done_fields)

static void
link_ask_fields(struct codec *c, struct link_ask *v)
{
	codec_below(c, &v->what, LINK_WHATS);
	codec_text(c, &v->token, LINK_TOKEN_MAX);
}

CODEC(link_ask, link_ask_fields)

static void
link_done_fields(struct codec *c, struct link_done *v)
{
	codec_rc(c, &v->rc);
	codec_sv(c, &v->account);
	codec_sv(c, &v->device);
	codec_sv(c, &v->address);
	codec_text(c, &v->ticket, LINK_TOKEN_MAX);
	codec_sv(c, &v->password);
	codec_u32(c, &v->seconds);
}

CODEC(link_done, link_done_fields)

static void
command_fields(struct codec *c, struct auth_command *v)
{
	codec_sv(c, &v->account);
	codec_sv(c, &v->arg);
	codec_bool(c, &v->weak);
}

CODEC(auth_command, command_fields)

static void
device_fields(struct codec *c, struct device_order *v)
{
	codec_sv(c, &v->account);
	codec_sv(c, &v->label);
	codec_text(c, &v->address, DEVICE_ADDRESS_MAX);
}

CODEC(device_order, device_fields)

static void
dkim_fields(struct codec *c, struct dkim_order *v)
{
	codec_below(c, &v->what, DKIM_ORDERS);
	codec_text(c, &v->domain, SIGN_DOMAIN_MAX);
	codec_text(c, &v->selector, SIGN_SELECTOR_MAX);
}

CODEC(dkim_order, dkim_fields)

static void
done_fields(struct codec *c, struct auth_done *v)
{
	codec_rc(c, &v->rc);
	codec_sv(c, &v->text);
	codec_sv(c, &v->secret);
}

CODEC(auth_done, done_fields)
