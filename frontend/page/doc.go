// Package page renders the payer's page: the one place where somebody whose payment
// has not been confirmed yet learns what is true.
//
// Everything that the page says follows from an order's Progress, the server's time and
// the order's public history. A situation (those facts) becomes a screen (texts, ring,
// steps, what can be done) by pure functions, and the template draws it. The script in
// src computes the same screen from each live frame and draws it over the same
// elements, so a page that has been open for an hour and one that was just loaded say
// the same thing; testdata/screens holds both computations to the same results.
//
// The texts are in catalog, one file a language, held against the table of Messages when
// a Renderer is made. The page carries the texts of its language to the script, so the
// script itself knows no language.
//
// What a server has to do around it: send CSP as Content-Security-Policy, with
// Referrer-Policy: no-referrer and Cache-Control: private, no-cache; answer the asset
// paths with frontend.Asset; take the forms POST /pay/{order_no}/query and
// POST /pay/{order_no}/claim, whose field k is the view token, and answer them with 303
// to the page, so that reloading does not send them again.
package page
