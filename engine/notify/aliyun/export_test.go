package aliyun

// Sign is what the published example is held against.
var Sign = sign
