// Keeps in a cookie what Python says, for a year; the browser sends it before the next visit's
// first page is drawn.
export default function ({ data }) {
  document.cookie = `${data.name}=${data.text}; Max-Age=31536000; Path=/; SameSite=Strict`;
}
