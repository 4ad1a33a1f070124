/*
 * A message between processes of the server: a type, a request id, a deadline,
 * fields in fixed order, and up to four descriptors.  Written and read with the
 * calls below, mostly by way of a codec (ipc/codec.h), never as a raw struct,
 * never with a pointer; both sides are of
 * one build (the first message on a line says so), so there is no versioning.
 *
 * Reading is bounds-checked and sticky: read all fields, then ask msg_end().
 */
#ifndef IPC_MSG_H
#define IPC_MSG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

#define MSG_MAX	   65000 /* bytes; what is longer travels as a descriptor */
#define MSG_FD_MAX 4

struct msg {
	uint16_t type;
	uint32_t id; /* of the request; a reply has its request's */
	/* clk_mono, which all processes share, after which nobody waits for
	 * the answer any more; 0: none */
	int64_t deadline;
	struct buf b;
	int fd[MSG_FD_MAX]; /* owned by the message, -1 when taken */
	unsigned nfd;

	size_t at; /* reading position */
	bool bad;
};

void msg_init(struct msg *m, uint16_t type);
/* Closes descriptors that nobody took, wipes the bytes. */
void msg_fini(struct msg *m);

void msg_put_u8(struct msg *m, uint8_t v);
void msg_put_u32(struct msg *m, uint32_t v);
void msg_put_u64(struct msg *m, uint64_t v);
void msg_put_sv(struct msg *m, struct sv v);
void msg_put_str(struct msg *m, const char *v);
/* The message becomes the owner of fd. */
void msg_put_fd(struct msg *m, int fd);

uint8_t msg_get_u8(struct msg *m);
uint32_t msg_get_u32(struct msg *m);
uint64_t msg_get_u64(struct msg *m);
/* Valid as long as the message. */
struct sv msg_get_sv(struct msg *m);
/* Copied into out; longer than n - 1 bytes or with a NUL inside is bad. */
void msg_get_str(struct msg *m, char *out, size_t n);
/* Exactly n bytes. */
void msg_get_bytes(struct msg *m, void *out, size_t n);
/* The next descriptor, now the caller's; -1 and bad if there is none. */
int msg_take_fd(struct msg *m);
/* RC_OK if all fields were there and nothing is left, else RC_SYNTAX. */
int msg_end(struct msg *m) RC_USE_RESULT;

#endif
