/**
 * For `onMouseDown`: a button that is clicked does not take the focus, as on a Mac. Space then plays, instead of pressing the button
 * once more. A field that is being typed in loses the focus as ever: that is how it is taken over.
 */
export function keepFocus(event: MouseEvent): void {
  if (document.activeElement instanceof HTMLInputElement) return;
  if (event.target instanceof Element && event.target.closest('button')) event.preventDefault();
}
