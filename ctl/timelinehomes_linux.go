package ctl

// everyHome matches the homes of all users.
const everyHome = "/home/*"
