/* `hearthmail debug dump`: a file of the store or the queue in words. */
#ifndef CMD_COMMAND_DUMP_H
#define CMD_COMMAND_DUMP_H

/*
 * Prints what is in a segment, its table of contents or a checkpoint: one
 * line for each record, never the bytes of mail.  Whatever is damaged is
 * named, and what follows it is looked for.  Behind walls: the bytes may be
 * anybody's.  Returns an exit code.
 */
int dump_file(int fd);

#endif
