/*
 * What the server can do, in one place for both halves: before login
 * imap/front adds how to log in.
 */
#ifndef IMAP_PARSE_CAPABILITY_H
#define IMAP_PARSE_CAPABILITY_H

#define IMAP_CAPABILITIES                                                \
	"IMAP4rev1 IMAP4rev2 LITERAL+ ID ENABLE IDLE NAMESPACE UIDPLUS " \
	"MOVE UNSELECT CHILDREN LIST-EXTENDED LIST-STATUS SPECIAL-USE "  \
	"CREATE-SPECIAL-USE ESEARCH SEARCHRES STATUS=SIZE BINARY "       \
	"MULTIAPPEND CONDSTORE QRESYNC OBJECTID SAVEDATE REPLACE QUOTA " \
	"QUOTA=RES-STORAGE "                                             \
	"APPENDLIMIT=67108864"

/* The number in APPENDLIMIT [RFC 7889]. */
#define IMAP_APPEND_LIMIT 67108864

#endif
