/*
 * The fields of a message, named once for both directions: who sends it and
 * who receives it cannot disagree about their order.
 *
 *   static void
 *   fields(struct codec *c, struct mx_noted *v)
 *   {
 *           codec_u64(c, &v->job);
 *   }
 *   CODEC(mx_noted, fields)
 *
 * defines the three functions that CODEC_FUNCTIONS(mx_noted) declares:
 *
 *   mx_noted_put   appends the fields to a message.  Texts and lists are
 *                  copied, descriptors become the message's.  What is too
 *                  large for a message cannot be sent then (buf_ok).
 *   mx_noted_get   fills *v from all that is left of a message; RC_SYNTAX,
 *                  with nothing owned, if it is cut off, has more, or has a
 *                  value that cannot be.  Texts point into the message;
 *                  descriptors and lists are the caller's until
 *   mx_noted_fini  closes and frees them.
 *
 * A function of fields must do the same in all directions; it may look at a
 * value that it has just passed (a field that is there only for RC_OK).  A
 * descriptor comes before such a look, so that it is always -1 or one.
 *
 * mx_noted_codec is the same without the type.  ipc_messages (ipc/messages.h)
 * lists them all: what is not on it is not tested.
 */
#ifndef IPC_CODEC_H
#define IPC_CODEC_H

#include "ipc/msg.h"

struct codec {
	struct msg *m;
	enum codec_way {
		CODEC_PUT,
		CODEC_GET,
		CODEC_FREE /* of what CODEC_GET has given */
	} way;
};

struct codec_type {
	const char *name;
	size_t size; /* of the struct */
	void (*fields)(struct codec *c, void *v);
};

/* By the type; v points to such a struct.  codec_put changes nothing in it. */
void codec_put(const struct codec_type *t, struct msg *m, void *v);
int codec_get(const struct codec_type *t, struct msg *m, void *v) RC_USE_RESULT;
void codec_fini(const struct codec_type *t, void *v);

void codec_bool(struct codec *c, bool *v);
void codec_u8(struct codec *c, uint8_t *v);
void codec_u16(struct codec *c, uint16_t *v);
void codec_u32(struct codec *c, uint32_t *v);
void codec_u64(struct codec *c, uint64_t *v);
void codec_i64(struct codec *c, int64_t *v);
/* A number of enum rc. */
void codec_rc(struct codec *c, int *v);
/* Below `end` only: a value of an enum or what indexes a table. */
void codec_below(struct codec *c, uint8_t *v, uint8_t end);
/* Any bytes. */
void codec_sv(struct codec *c, struct sv *v);
/* Text without a NUL, shorter than max. */
void codec_text(struct codec *c, struct sv *v, size_t max);
/* Exactly n bytes. */
void codec_bytes(struct codec *c, void *v, size_t n);
/* A descriptor; it must be there. */
void codec_fd(struct codec *c, int *fd);
/* -1: none. */
void codec_fd_maybe(struct codec *c, int *fd);
/*
 * A list of *n elements of `size` bytes each, of which the sender may send max
 * at most: the elements themselves come next.
 *
 *   codec_list(c, (void **)&v->to, &v->nto, sizeof *v->to, TO_MAX);
 *   for (i = 0; i < v->nto; i++)
 *           codec_sv(c, &v->to[i].address);
 *
 * What is received is in one zeroed allocation.  A message that ends early
 * leaves the last elements zeroed, and the get function frees all.
 */
void codec_list(
    struct codec *c, void **list, uint32_t *n, size_t size, uint32_t max);
/* Behind the elements: the list ends here. */
void codec_list_end(struct codec *c, void **list, uint32_t *n);

#define CODEC_FUNCTIONS(name)                                        \
	extern const struct codec_type name##_codec;                 \
	void name##_put(struct msg *m, const struct name *v);        \
	int name##_get(struct msg *m, struct name *v) RC_USE_RESULT; \
	void name##_fini(struct name *v)

#define CODEC(name, fields)                                  \
	static void name##_any(struct codec *c, void *v)     \
	{                                                    \
		fields(c, v);                                \
	}                                                    \
	const struct codec_type name##_codec = {             \
	    #name, sizeof(struct name), name##_any};         \
	void name##_put(struct msg *m, const struct name *v) \
	{                                                    \
		struct name copy = *v;                       \
                                                             \
		codec_put(&name##_codec, m, &copy);          \
	}                                                    \
	int name##_get(struct msg *m, struct name *v)        \
	{                                                    \
		return codec_get(&name##_codec, m, v);       \
	}                                                    \
	void name##_fini(struct name *v)                     \
	{                                                    \
		codec_fini(&name##_codec, v);                \
	}

#endif
