/* What one file is. */
#include "attach/attach.h"
#include "base/ascii.h"

const char *
attach_what_name(enum attach_what w)
{
	static const char *const names[ATTACH_WHATS] = {
	    [ATTACH_NOTHING] = "nothing",
	    [ATTACH_ENCRYPTED] = "an archive with a password",
	    [ATTACH_MACROS] = "a document with macros",
	    [ATTACH_SCRIPT] = "a script",
	    [ATTACH_PROGRAM] = "a program",
	};

	return names[w];
}

static uint32_t
le32(struct sv s, size_t at)
{
	uint32_t v = 0;
	size_t i;

	for (i = 4; i-- > 0;)
		v = v << 8 | (at + i < s.n ? (unsigned char)s.p[at + i] : 0);
	return v;
}

/* MZ alone is also how a text about Mozambique may begin: either the header of
 * a newer format follows where it says so, or it is plausible as an old one. */
static bool
is_dos(struct sv s)
{
	uint32_t at = le32(s, 0x3c), pages;

	if (!sv_starts(s, SV("MZ")) || s.n < 0x40)
		return false;
	if (at < s.n - 1) {
		struct sv next = sv_skip(s, at);

		if (sv_starts(next, SV("PE\0\0")) ||
		    sv_starts(next, SV("NE")) || sv_starts(next, SV("LE")))
			return true;
	} else if (at < 1u << 20) {
		return true; /* beyond what we see */
	}
	pages = le32(s, 4) & 0xffff;
	return pages > 0 && (le32(s, 2) & 0xffff) < 512 &&
	       (le32(s, 8) & 0xffff) <= pages * 32;
}

static bool
is_mach_o(struct sv s)
{
	static const struct sv magic[] = {SV("\xfe\xed\xfa\xce"),
	    SV("\xfe\xed\xfa\xcf"), SV("\xce\xfa\xed\xfe"),
	    SV("\xcf\xfa\xed\xfe")};
	size_t i;

	for (i = 0; i < sizeof magic / sizeof magic[0]; i++)
		if (sv_starts(s, magic[i]))
			return true;
	/* Of several machines, or a class of Java: few of the former, and a
	 * version since 45 of the latter. */
	return sv_starts(s, SV("\xca\xfe\xba\xbe")) && s.n >= 8;
}

static bool
is_program(struct sv s)
{
	return is_dos(s) || is_mach_o(s) ||
	       sv_starts(s, SV("\x7f"
			       "ELF")) ||
	       sv_starts(s, SV("dex\n03"));
}

/* A link of Windows [MS-SHLLINK 2.1] runs what it leads to. */
static bool
is_shell_link(struct sv s)
{
	return sv_starts(s, SV("L\0\0\0\1\x14\2\0\0\0\0\0\xc0\0\0\0"));
}

/* Of the word behind the last dot, which is what decides for who opens it. */
static enum attach_what
by_name(struct sv name)
{
	static const struct {
		struct sv ext;
		enum attach_what what;
	} known[] = {
	    {SV("exe"), ATTACH_PROGRAM},
	    {SV("scr"), ATTACH_PROGRAM},
	    {SV("pif"), ATTACH_PROGRAM},
	    {SV("com"), ATTACH_PROGRAM},
	    {SV("cpl"), ATTACH_PROGRAM},
	    {SV("msi"), ATTACH_PROGRAM},
	    {SV("msp"), ATTACH_PROGRAM},
	    {SV("dll"), ATTACH_PROGRAM},
	    {SV("jar"), ATTACH_PROGRAM},
	    {SV("apk"), ATTACH_PROGRAM},
	    {SV("xll"), ATTACH_PROGRAM},
	    {SV("appx"), ATTACH_PROGRAM},
	    {SV("msix"), ATTACH_PROGRAM},
	    {SV("bat"), ATTACH_SCRIPT},
	    {SV("cmd"), ATTACH_SCRIPT},
	    {SV("js"), ATTACH_SCRIPT},
	    {SV("jse"), ATTACH_SCRIPT},
	    {SV("vbs"), ATTACH_SCRIPT},
	    {SV("vbe"), ATTACH_SCRIPT},
	    {SV("wsf"), ATTACH_SCRIPT},
	    {SV("wsh"), ATTACH_SCRIPT},
	    {SV("wsc"), ATTACH_SCRIPT},
	    {SV("sct"), ATTACH_SCRIPT},
	    {SV("hta"), ATTACH_SCRIPT},
	    {SV("ps1"), ATTACH_SCRIPT},
	    {SV("psm1"), ATTACH_SCRIPT},
	    {SV("lnk"), ATTACH_SCRIPT},
	    {SV("url"), ATTACH_SCRIPT},
	    {SV("reg"), ATTACH_SCRIPT},
	    {SV("inf"), ATTACH_SCRIPT},
	    {SV("scf"), ATTACH_SCRIPT},
	    {SV("chm"), ATTACH_SCRIPT},
	    {SV("application"), ATTACH_SCRIPT},
	    {SV("ade"), ATTACH_SCRIPT},
	    {SV("command"), ATTACH_SCRIPT},
	    {SV("desktop"), ATTACH_SCRIPT},
	    {SV("docm"), ATTACH_MACROS},
	    {SV("dotm"), ATTACH_MACROS},
	    {SV("xlsm"), ATTACH_MACROS},
	    {SV("xltm"), ATTACH_MACROS},
	    {SV("xlam"), ATTACH_MACROS},
	    {SV("pptm"), ATTACH_MACROS},
	    {SV("potm"), ATTACH_MACROS},
	    {SV("ppam"), ATTACH_MACROS},
	    {SV("ppsm"), ATTACH_MACROS},
	    {SV("sldm"), ATTACH_MACROS},
	};
	size_t dot, i;

	/* Windows drops dots and blanks at the end. */
	while (name.n > 0 &&
	       (name.p[name.n - 1] == '.' || name.p[name.n - 1] == ' '))
		name.n--;
	dot = sv_rchr(name, '.');
	for (i = 0; dot < name.n && i < sizeof known / sizeof known[0]; i++)
		if (sv_ieq(sv_skip(name, dot + 1), known[i].ext))
			return known[i].what;
	return ATTACH_NOTHING;
}

/* "#!/bin/sh", perhaps behind a mark of UTF-8. */
static bool
is_for_a_shell(struct sv s)
{
	struct sv mark = SV("\xef\xbb\xbf");

	if (sv_starts(s, mark))
		s = sv_skip(s, mark.n);
	return s.n > 3 && sv_starts(s, SV("#!")) &&
	       (s.p[2] == '/' || s.p[2] == ' ');
}

/*
 * Compound files of Office [MS-CFB]: their directory has names in UTF-16.  It
 * may be anywhere in the file: what is not among the first bytes is told by the
 * caller, who has all of it.
 */
static bool
has_vba(struct sv s)
{
	static const char vba[] = "_\0V\0B\0A\0_\0P\0R\0O\0J\0E\0C\0T\0";

	return sv_starts(s, SV("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")) &&
	       sv_find(s, sv_of(vba, sizeof vba - 1)) < s.n;
}

enum attach_what
attach_type(struct sv head, struct sv name)
{
	enum attach_what named = by_name(name);

	if (is_program(head))
		return ATTACH_PROGRAM;
	if (named == ATTACH_PROGRAM)
		return named;
	if (is_shell_link(head) || is_for_a_shell(head))
		return ATTACH_SCRIPT;
	if (named != ATTACH_NOTHING)
		return named;
	return has_vba(head) ? ATTACH_MACROS : ATTACH_NOTHING;
}
