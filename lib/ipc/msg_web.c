#include "ipc/msg_web.h"

#define PEM_MAX 32000 /* of a chain or key; two fit into a message */

static void
challenge_fields(struct codec *c, struct http_challenge *v)
{
	codec_text(c, &v->token, WEB_TOKEN_MAX);
	codec_text(c, &v->key_auth, WEB_KEY_AUTH_MAX);
}
CODEC(http_challenge, challenge_fields)

static void
challenge_end_fields(struct codec *c, struct http_challenge_end *v)
{
	codec_text(c, &v->token, WEB_TOKEN_MAX);
}
CODEC(http_challenge_end, challenge_end_fields)

static void
alpn_fields(struct codec *c, struct alpn_challenge *v)
{
	codec_text(c, &v->name, WEB_NAME_MAX);
	codec_text(c, &v->cert_pem, PEM_MAX);
	codec_text(c, &v->key_pem, PEM_MAX);
}
CODEC(alpn_challenge, alpn_fields)

static void
alpn_end_fields(struct codec *c, struct alpn_challenge_end *v)
{
	codec_text(c, &v->name, WEB_NAME_MAX);
}
CODEC(alpn_challenge_end, alpn_end_fields)

static void
certificate_fields(struct codec *c, struct web_certificate *v)
{
	codec_text(c, &v->id, WEB_NAME_MAX);
	codec_text(c, &v->cert_pem, PEM_MAX);
	codec_text(c, &v->key_pem, PEM_MAX);
}
CODEC(web_certificate, certificate_fields)
