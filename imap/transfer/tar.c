#include "imap/transfer/tar.h"

/* A field that ends at its first NUL, or at its end. */
static struct sv
field(struct sv block, size_t at, size_t n)
{
	struct sv s = sv_first(sv_skip(block, at), n);

	return sv_first(s, sv_chr(s, '\0'));
}

/* Octal, with blanks around it; or, with the first bit set, base 256. */
static bool
number(struct sv block, size_t at, size_t n, uint64_t *out)
{
	struct sv s = sv_first(sv_skip(block, at), n);
	uint64_t v = 0;
	size_t i;

	if (s.n > 0 && ((unsigned char)s.p[0] & 0x80) != 0) {
		v = (unsigned char)s.p[0] & 0x7f;
		for (i = 1; i < s.n && v < TAR_SIZE_MAX; i++)
			v = v << 8 | (unsigned char)s.p[i];
		*out = v;
		return i == s.n;
	}
	s = sv_trim(sv_first(s, sv_chr(s, '\0')));
	for (i = 0; i < s.n && v < TAR_SIZE_MAX; i++) {
		if (s.p[i] < '0' || s.p[i] > '7')
			break;
		v = v << 3 | (unsigned)(s.p[i] - '0');
	}
	*out = v;
	return i == s.n;
}

/* The bytes of the block, its own field counted as blanks; programs of old
 * added them with their signs. */
static bool
sum_is_right(struct sv block)
{
	uint64_t want = 0;
	uint32_t plain = 0;
	int32_t with_signs = 0;
	size_t i;

	if (!number(block, 148, 8, &want))
		return false;
	for (i = 0; i < TAR_BLOCK; i++) {
		char c = i >= 148 && i < 156 ? ' ' : block.p[i];

		plain += (unsigned char)c;
		with_signs += (signed char)c;
	}
	return want == plain ||
	       (with_signs >= 0 && want == (uint32_t)with_signs);
}

static bool
is_zero(struct sv block)
{
	size_t i;

	for (i = 0; i < block.n; i++)
		if (block.p[i] != '\0')
			return false;
	return true;
}

static enum tar_kind
kind_of(char type, struct sv name)
{
	switch (type) {
	case '\0':
		/* Of 1979, when a folder had but its slash. */
		return sv_ends(name, SV("/")) ? TAR_FOLDER : TAR_FILE;
	case '0':
	case '7':
		return TAR_FILE;
	case '1':
		return TAR_LINK;
	case '2':
		return TAR_SYMLINK;
	case '5':
		return TAR_FOLDER;
	case 'x':
	case 'X':
		return TAR_PAX;
	case 'L':
		return TAR_LONG_NAME;
	case 'K':
		return TAR_LONG_LINK;
	case 'S':
		return TAR_SPARSE;
	default:
		return TAR_OTHER;
	}
}

int
tar_header_parse(struct sv b, struct tar_header *out)
{
	struct tar_header h = {.kind = TAR_OTHER};
	uint64_t mtime = 0;

	if (b.n != TAR_BLOCK)
		return RC_SYNTAX;
	if (is_zero(b))
		return RC_EOF;
	if (!sum_is_right(b) || !number(b, 124, 12, &h.size) ||
	    h.size > TAR_SIZE_MAX)
		return RC_SYNTAX;
	if (number(b, 136, 12, &mtime) && mtime < TAR_SIZE_MAX)
		h.mtime = (int64_t)mtime;
	h.name = field(b, 0, 100);
	h.link = field(b, 157, 100);
	/* GNU has times and its map of holes where POSIX has the prefix. */
	if (sv_eq(sv_first(sv_skip(b, 257), 6), sv_of("ustar", 6)))
		h.prefix = field(b, 345, 155);
	h.kind = kind_of(b.p[156], h.name);
	if (h.kind == TAR_SPARSE)
		h.extended = b.p[482] != '\0';
	/* What they were linked to has the data. */
	if (h.kind == TAR_LINK || h.kind == TAR_SYMLINK || h.kind == TAR_FOLDER)
		h.size = 0;
	*out = h;
	return RC_OK;
}

bool
tar_sparse_goes_on(struct sv block)
{
	return block.n == TAR_BLOCK && block.p[504] != '\0';
}

static void
take(struct tar_pax *p, struct sv key, struct sv value)
{
	uint64_t v;

	if (sv_eq(key, SV("path"))) {
		p->path = value;
	} else if (sv_eq(key, SV("linkpath"))) {
		p->link = value;
	} else if (sv_eq(key, SV("size"))) {
		p->has_size = sv_to_u64(value, TAR_SIZE_MAX, &p->size) == RC_OK;
	} else if (sv_eq(key, SV("mtime"))) {
		/* Fractions of a second are none of mail's. */
		p->has_mtime = sv_to_u64(sv_first(value, sv_chr(value, '.')),
				   TAR_SIZE_MAX, &v) == RC_OK;
		if (p->has_mtime)
			p->mtime = (int64_t)v;
	} else if (sv_starts(key, SV("GNU.sparse."))) {
		p->sparse = true;
	}
}

/* "%d %s=%s\n", <length>, <keyword>, <value> */
int
tar_pax_parse(struct sv text, struct tar_pax *out)
{
	*out = (struct tar_pax){.size = 0};
	while (text.n > 0 && text.p[0] != '\0') {
		struct sv rest = text, key;
		uint64_t n;

		if (sv_take_u64(&rest, text.n, &n) != RC_OK || rest.n == 0 ||
		    rest.p[0] != ' ')
			return RC_SYNTAX;
		/* The length counts its own digits. */
		if (n > text.n || n < text.n - rest.n + 3 ||
		    text.p[n - 1] != '\n')
			return RC_SYNTAX;
		rest =
		    sv_skip(sv_first(text, (size_t)n - 1), text.n - rest.n + 1);
		if (sv_chr(rest, '=') == rest.n)
			return RC_SYNTAX;
		key = sv_first(rest, sv_chr(rest, '='));
		take(out, key, sv_skip(rest, key.n + 1));
		text = sv_skip(text, (size_t)n);
	}
	return RC_OK;
}
