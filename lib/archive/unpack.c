#include "archive/unpack.h"

#include <stdlib.h>

#define ZLIB_CONST
#include <zlib.h>

#include "base/alloc.h"

#define ROOM (64u * 1024)

struct unpack {
	z_stream z;
	bool raw;
	bool over;  /* this member is */
	bool waste; /* what follows the last one is none */
	char *room;
};

struct unpack *
unpack_new(enum unpack_how how)
{
	struct unpack *u = xcalloc(1, sizeof *u);

	u->raw = how == UNPACK_RAW;
	u->room = xmalloc(ROOM);
	/* 32: whichever of the two headers is there. */
	must(inflateInit2(&u->z, u->raw ? -MAX_WBITS : MAX_WBITS + 32) == Z_OK);
	return u;
}

void
unpack_free(struct unpack **up)
{
	struct unpack *u = *up;

	if (u == NULL)
		return;
	(void)inflateEnd(&u->z);
	free(u->room);
	free(u);
	*up = NULL;
}

/* Behind a member: one more, or padding, which is none. */
static bool
goes_on(struct unpack *u)
{
	if (!u->over)
		return true;
	if (u->raw || u->waste || u->z.avail_in == 0)
		return false;
	if (u->z.next_in[0] != 0x1f) {
		u->waste = true;
		return false;
	}
	u->over = false;
	return inflateReset(&u->z) == Z_OK;
}

int
unpack_feed(struct unpack *u, struct sv piece,
    int (*out)(void *arg, struct sv piece), void *arg)
{
	int z, r = RC_OK;

	must(piece.n <= UINT32_MAX);
	u->z.next_in = (const Bytef *)piece.p;
	u->z.avail_in = (uInt)piece.n;
	while (r == RC_OK && goes_on(u)) {
		u->z.next_out = (Bytef *)u->room;
		u->z.avail_out = ROOM;
		z = inflate(&u->z, Z_NO_FLUSH);
		if (u->z.avail_out < ROOM)
			r = out(arg, sv_of(u->room, ROOM - u->z.avail_out));
		if (r != RC_OK)
			break;
		u->over = z == Z_STREAM_END;
		if (z == Z_BUF_ERROR ||
		    (z == Z_OK && u->z.avail_in == 0 && u->z.avail_out > 0))
			break;
		if (z != Z_OK && z != Z_STREAM_END)
			r = RC_SYNTAX;
	}
	return r;
}

bool
unpack_done(const struct unpack *u)
{
	return u->over;
}
