package homes

// Every matches the homes of all users.
const Every = "/home/*"
