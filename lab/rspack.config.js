// Numbers by order, not by a hash of the folder that this is built in: the same inputs give the same files anywhere.
module.exports = { optimization: { moduleIds: 'natural', chunkIds: 'natural' } };
