package link

// BacklogFull is this system's error for a full backlog.
const BacklogFull = backlogFull
