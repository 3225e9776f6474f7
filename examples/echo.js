// Echo server for Node.js, TCP and UDP:  node examples/echo.js tcp 8000

const [transport, port] = [process.argv[2], Number(process.argv[3])];

if (transport === "tcp") {
  const net = require("node:net");
  const server = net.createServer({ noDelay: true }, (client) => {
    client.on("error", () => client.destroy());
    client.pipe(client);
  });
  server.listen({ port, host: "127.0.0.1", backlog: 1024 });
} else {
  const socket = require("node:dgram").createSocket("udp4");
  socket.on("message", (datagram, peer) => socket.send(datagram, peer.port, peer.address));
  socket.bind(port, "127.0.0.1");
}
