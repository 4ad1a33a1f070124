/* What most requests are answered by: MSG_REPLY with these. */
#ifndef IPC_MSG_ANSWER_H
#define IPC_MSG_ANSWER_H

#include "ipc/codec.h"

struct msg_answer {
	int rc;
	struct sv text; /* for a person; shorter than ERR_TEXT_MAX */
};
CODEC_FUNCTIONS(msg_answer);

/* The whole message. */
void msg_answer_make(struct msg *m, uint32_t id, int rc, const char *text);
/*
 * The answer's rc, and its text as a C string; `garbled`, with an empty text,
 * if it is not an answer.
 */
int msg_answer_read(struct msg *m, int garbled, char text[ERR_TEXT_MAX]);

#endif
