// Looks again in a second; the server sends the person on when there is something else to see.
setTimeout(() => location.reload(), 1000);
