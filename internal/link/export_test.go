package link

// BacklogFull is how a full backlog is told on this system.
const BacklogFull = backlogFull
