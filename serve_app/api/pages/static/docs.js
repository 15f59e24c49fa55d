// The page at /docs: Swagger UI shows openapi.json and sends its examples to this service.
const scheme = matchMedia("(prefers-color-scheme: dark)");
const colour = () => document.documentElement.classList.toggle("dark-mode", scheme.matches);
scheme.addEventListener("change", colour);
colour();

const nothing = () => () => null; // the page says it in the reader's language, and the one server is this one

SwaggerUIBundle({
  url: new URL("openapi.json", document.baseURI).href,
  dom_id: "#routes",
  displayRequestDuration: true,
  docExpansion: "list",
  tryItOutEnabled: true,
  validatorUrl: null, // it would send the document elsewhere
  plugins: [() => ({ wrapComponents: { InfoContainer: nothing, ServersContainer: nothing } })],
  onComplete: () => { document.body.dataset.ready = "yes"; },
});
