#include "ipc/msg_answer.h"

#include "ipc/line.h"

static void
answer_fields(struct codec *c, struct msg_answer *v)
{
	codec_rc(c, &v->rc);
	codec_text(c, &v->text, ERR_TEXT_MAX);
}

CODEC(msg_answer, answer_fields)

void
msg_answer_make(struct msg *m, uint32_t id, int rc, const char *text)
{
	const struct msg_answer a = {rc, sv_str(text)};

	msg_init(m, MSG_REPLY);
	m->id = id;
	msg_answer_put(m, &a);
}

int
msg_answer_read(struct msg *m, int garbled, char text[ERR_TEXT_MAX])
{
	struct msg_answer a;

	if (msg_answer_get(m, &a) != RC_OK)
		a = (struct msg_answer){garbled, SV("")};
	sv_copy(a.text, text, ERR_TEXT_MAX);
	return a.rc;
}
